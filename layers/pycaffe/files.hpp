// installed by amcaffe
#ifndef PYCAFFE_FILES_HPP_
#define PYCAFFE_FILES_HPP_

#include "pycaffe.hpp"

namespace pycaffe {

/// A str, bytes or os.PathLike as a path. Raises TypeError: neither.
string Path(const py::object& path);

/// Throws FatalError where a file cannot be read.
void CheckFile(const string& path);

/// The net of a prototxt, also one of Caffe's older formats. Throws FatalError:
/// no such file, or its first fault with line and column.
caffe::NetParameter ReadNet(const string& path);

/// A solver's prototxt, whose nets are read, too, so that their faults are
/// found with line and column. Throws as ReadNet.
caffe::SolverParameter ReadSolver(const string& path);

}  // namespace pycaffe

#endif  // PYCAFFE_FILES_HPP_
