// installed by amcaffe
#ifndef CAFFE_UTIL_BLAS_THREADS_HPP_
#define CAFFE_UTIL_BLAS_THREADS_HPP_

#include <system_error>  // NOLINT(build/c++11)
#include <thread>  // NOLINT(build/c++11)
#include <vector>

namespace caffe {

/// How many threads the BLAS would use for a product here and now: what
/// OPENBLAS_NUM_THREADS, MKL_NUM_THREADS or OMP_NUM_THREADS say, or all cores.
/// 1 for a BLAS that cannot be asked.
int BlasThreads();

/// While one is alive, a BLAS that can be told computes on the calling thread
/// alone, so that several threads may each run products of their own.
class SerialBlas {
 public:
  SerialBlas();
  ~SerialBlas();

 private:
  SerialBlas(const SerialBlas&);
  SerialBlas& operator=(const SerialBlas&);

  int before_;  ///< this thread's number, for a BLAS that keeps one for each
};

/// Calls work(part) for each part in [0, parts), at the same time, each with a
/// serial BLAS; what the system gives no thread for comes one after the other.
/// With one part the BLAS stays as it is. work must not throw.
template <typename Work>
void InParallel(const int parts, const Work& work) {
  if (parts <= 1) {
    if (parts == 1) { work(0); }
    return;
  }
  SerialBlas serial;
  std::vector<std::thread> others;
  others.reserve(parts - 1);
  int part = 1;
  try {
    for (; part < parts; ++part) {
      others.push_back(std::thread([&work, part]() {
        SerialBlas serial_here_too;
        work(part);
      }));
    }
  } catch (const std::system_error&) {}  // no more threads to be had
  work(0);
  for (; part < parts; ++part) { work(part); }
  for (size_t i = 0; i < others.size(); ++i) { others[i].join(); }
}

}  // namespace caffe

#endif  // CAFFE_UTIL_BLAS_THREADS_HPP_
