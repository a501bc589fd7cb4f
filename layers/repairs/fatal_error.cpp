// installed by amcaffe
#include <exception>
#include <sstream>
#include <string>

#include "caffe/util/fatal_error.hpp"

namespace caffe {

static thread_local int exceptions_wanted = 0;

FatalAsException::FatalAsException() { ++exceptions_wanted; }
FatalAsException::~FatalAsException() { --exceptions_wanted; }

// A second exception while the stack is unwound would end the process anyway,
// and without a message.
static bool Unwinding() {
#if __cplusplus >= 201703L
  return std::uncaught_exceptions() > 0;
#else
  return std::uncaught_exception();
#endif
}

FatalMessage::~FatalMessage() noexcept(false) {
  if (exceptions_wanted && !Unwinding()) {
    const std::string path(file_);
    std::ostringstream what;
    what << path.substr(path.rfind('/') + 1) << ":" << line_ << ": "
         << stream_.str();
    throw FatalError(what.str());
  }
  google::LogMessageFatal(file_, line_).stream() << stream_.str();
}

}  // namespace caffe
