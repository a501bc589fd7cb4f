// installed by amcaffe
#ifndef CAFFE_UTIL_FATAL_ERROR_HPP_
#define CAFFE_UTIL_FATAL_ERROR_HPP_

#include <glog/logging.h>

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace caffe {

/// A failed CHECK, or a LOG(FATAL), in a thread that has asked for exceptions.
class FatalError : public std::runtime_error {
 public:
  explicit FatalError(const std::string& what) : std::runtime_error(what) {}
};

/**
 * @brief While one lives, FATAL messages of its thread are thrown as FatalError.
 *
 * They may be nested. Threads that Caffe itself starts have nobody to catch
 * anything, so there, and wherever none lives, FATAL ends the process as ever.
 */
class FatalAsException {
 public:
  FatalAsException();
  ~FatalAsException();

 private:
  FatalAsException(const FatalAsException&);
  FatalAsException& operator=(const FatalAsException&);
};

/// Stands in for google::LogMessageFatal, whose destructor must not throw.
class FatalMessage {
 public:
  FatalMessage(const char* file, int line) : file_(file), line_(line) {}
  /// CheckOp is glog's CheckOpString, whose namespace differs among versions.
  template <typename CheckOp>
  FatalMessage(const char* file, int line, const CheckOp& failed)
      : file_(file), line_(line) {
    stream_ << "Check failed: " << *failed.str_ << " ";
  }
  [[noreturn]] ~FatalMessage() noexcept(false);
  std::ostream& stream() { return stream_; }

 private:
  const char* file_;
  int line_;
  std::ostringstream stream_;
};

template <typename T>
T CheckNotNull(const char* file, int line, const char* expression, T&& value) {
  if (value == NULL) {
    FatalMessage(file, line).stream()
        << "'" << expression << "' Must be non NULL";
  }
  return std::forward<T>(value);
}

}  // namespace caffe

// glog's CHECK* and LOG(FATAL) are made of these three.
#undef COMPACT_GOOGLE_LOG_FATAL
#define COMPACT_GOOGLE_LOG_FATAL ::caffe::FatalMessage(__FILE__, __LINE__)
#undef CHECK_OP
#define CHECK_OP(name, op, val1, val2) \
  CHECK_OP_LOG(name, op, val1, val2, ::caffe::FatalMessage)
#undef CHECK_NOTNULL
#define CHECK_NOTNULL(val) \
  ::caffe::CheckNotNull(__FILE__, __LINE__, #val, (val))

#endif  // CAFFE_UTIL_FATAL_ERROR_HPP_
