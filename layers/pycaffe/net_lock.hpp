// installed by amcaffe
#ifndef PYCAFFE_NET_LOCK_HPP_
#define PYCAFFE_NET_LOCK_HPP_

#include <memory>
#include <mutex>
#include <vector>

#include "pycaffe.hpp"

namespace pycaffe {

/// One thread at a time works in a net, though Python's own lock is released
/// there. Take it after the GIL is released: a layer in Python needs the GIL
/// while its net is locked.
class NetLock {
 public:
  /// For a caller that needs the GIL meanwhile: it is given up only to wait.
  enum KeepGil { kKeepGil };

  explicit NetLock(const Net* net) { Lock({net}); }
  explicit NetLock(const std::vector<const Net*>& nets) { Lock(nets); }
  /// A solver's net and its test nets.
  explicit NetLock(Solver* solver);
  NetLock(const Net* net, KeepGil);
  NetLock(Solver* solver, KeepGil);
  ~NetLock();

 private:
  struct Held {
    const Net* net;
    std::shared_ptr<std::recursive_mutex> mutex;
  };

  /// In the order of their addresses, so that two threads never wait for each
  /// other's nets.
  void Lock(std::vector<const Net*> nets);
  void LockOne(const Net* net);

  std::vector<Held> held_;
};

}  // namespace pycaffe

#endif  // PYCAFFE_NET_LOCK_HPP_
