// installed by amcaffe
#include "net_lock.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace pycaffe {

typedef std::map<const Net*, std::shared_ptr<std::recursive_mutex> > Mutexes;

static std::mutex table_mutex;

// The nets at work now, and nothing of those that are idle or gone.
static Mutexes* Table() {
  static Mutexes* table = new Mutexes();
  return table;
}

static std::vector<const Net*> NetsOf(Solver* solver) {
  std::vector<const Net*> nets(1, solver->net().get());
  for (const shared_ptr<Net>& net : solver->test_nets()) {
    nets.push_back(net.get());
  }
  return nets;
}

NetLock::NetLock(Solver* solver) { Lock(NetsOf(solver)); }

NetLock::NetLock(const Net* net, KeepGil) {
  GilRelease released;
  Lock({net});
}

NetLock::NetLock(Solver* solver, KeepGil) {
  GilRelease released;
  Lock(NetsOf(solver));
}

void NetLock::Lock(std::vector<const Net*> nets) {
  std::sort(nets.begin(), nets.end(), std::less<const Net*>());
  for (const Net* net : nets) LockOne(net);
}

void NetLock::LockOne(const Net* net) {
  Held held = {net, nullptr};
  {
    std::lock_guard<std::mutex> table_lock(table_mutex);
    std::shared_ptr<std::recursive_mutex>& mutex = (*Table())[net];
    if (!mutex) mutex = std::make_shared<std::recursive_mutex>();
    held.mutex = mutex;
  }
  held.mutex->lock();
  held_.push_back(held);
}

NetLock::~NetLock() {
  for (; !held_.empty(); held_.pop_back()) {
    Held& held = held_.back();
    held.mutex->unlock();
    std::lock_guard<std::mutex> table_lock(table_mutex);
    if (held.mutex.use_count() == 2) {  // the table's, and this one
      Table()->erase(held.net);
    }
  }
}

}  // namespace pycaffe
