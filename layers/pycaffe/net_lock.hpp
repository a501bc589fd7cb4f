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
  explicit NetLock(const Net* net) { Lock(net); }
  /// A solver's net and its test nets, always in this order.
  explicit NetLock(Solver* solver);
  ~NetLock();

 private:
  struct Held {
    const Net* net;
    std::shared_ptr<std::recursive_mutex> mutex;
  };

  void Lock(const Net* net);

  std::vector<Held> held_;
};

}  // namespace pycaffe

#endif  // PYCAFFE_NET_LOCK_HPP_
