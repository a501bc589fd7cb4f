// installed by amcaffe
#include "files.hpp"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/text_format.h>

#include <fstream>

#include "caffe/util/upgrade_proto.hpp"

namespace pycaffe {

class FirstFault : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstFault(const string& path) : path_(path) {}
  const string& text() const { return text_; }

#if GOOGLE_PROTOBUF_VERSION >= 4022000
  void RecordError(int line, google::protobuf::io::ColumnNumber column,
      absl::string_view message) override {
    Note(line, column, string(message));
  }
#else
  void AddError(int line, google::protobuf::io::ColumnNumber column,
      const string& message) override {
    Note(line, column, message);
  }
#endif

 private:
  // Both count from 0; a line of -1 stands for the file as a whole.
  void Note(int line, int column, const string& message) {
    if (!text_.empty()) return;
    text_ = path_ + ":";
    if (line >= 0) {
      text_ +=
          std::to_string(line + 1) + ":" + std::to_string(column + 1) + ":";
    }
    text_ += " " + message;
  }

  string path_, text_;
};

string Path(const py::object& path) {
  PyObject* plain = PyOS_FSPath(path.ptr());
  if (!plain) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(plain).cast<string>();
}

void CheckFile(const string& path) {
  std::ifstream file(path.c_str());
  // A folder opens, but has no first character and no end.
  if (!file.good() || (file.peek(), file.bad())) {
    throw FatalError("Could not open file " + path);
  }
}

template <typename Message>
static void CheckText(const string& path) {
  CheckFile(path);
  std::ifstream file(path.c_str());
  google::protobuf::io::IstreamInputStream input(&file);
  FirstFault fault(path);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&fault);
  Message message;
  if (!parser.Parse(&input, &message)) { throw FatalError(fault.text()); }
}

caffe::NetParameter ReadNet(const string& path) {
  CheckText<caffe::NetParameter>(path);
  caffe::NetParameter param;
  caffe::ReadNetParamsFromTextFileOrDie(path, &param);
  return param;
}

caffe::SolverParameter ReadSolver(const string& path) {
  CheckText<caffe::SolverParameter>(path);
  caffe::SolverParameter param;
  caffe::ReadSolverParamsFromTextFileOrDie(path, &param);
  if (param.has_net()) ReadNet(param.net());
  if (param.has_train_net()) ReadNet(param.train_net());
  for (int i = 0; i < param.test_net_size(); ++i) ReadNet(param.test_net(i));
  return param;
}

}  // namespace pycaffe
