// amcaffe._core: the margins that the layers train with, for NumPy arrays.
// Compiled from the very header that is installed into a Caffe tree.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "margin_math.hpp"

namespace py = pybind11;

namespace {

// Below this the loop is shorter than handing the interpreter over.
const py::ssize_t kElementsWorthReleasing = 4096;

// A parameter in the array's precision, as the layer has it.
template <typename Dtype>
Dtype finite(const char* name, double number) {
  const Dtype rounded = static_cast<Dtype>(number);
  if (!std::isfinite(rounded)) {
    std::ostringstream message;
    message << name << " must be finite"
            << (std::isfinite(number) ? " in float32" : "") << ", got "
            << number;
    throw py::value_error(message.str());
  }
  return rounded;
}

template <typename Dtype>
Dtype finite_above_zero(const char* name, double number) {
  const Dtype rounded = finite<Dtype>(name, number);
  if (rounded <= 0) {
    std::ostringstream message;
    message << name << " must be above 0, got " << number;
    throw py::value_error(message.str());
  }
  return rounded;
}

caffe::margin::Bound bound_of(const std::string& name) {
  if (name == "clamp") { return caffe::margin::CLAMP; }
  if (name == "monotone") { return caffe::margin::MONOTONE; }
  throw py::value_error(
      "bound must be \"clamp\" or \"monotone\", got \"" + name + "\"");
}

// (value, slope) of a margin at each element, in x's own precision.
template <typename Dtype, typename Margin>
py::tuple apply(const py::array& x, const Margin& margin) {
  // Without a copy where x is contiguous and of this machine's byte order.
  const auto input = py::array_t<Dtype, py::array::c_style>::ensure(x);
  if (!input) { throw py::error_already_set(); }
  const std::vector<py::ssize_t> shape(x.shape(), x.shape() + x.ndim());
  py::array_t<Dtype> value(shape), slope(shape);
  const py::ssize_t size = input.size();
  const Dtype* from = input.data();
  Dtype* to_value = value.mutable_data();
  Dtype* to_slope = slope.mutable_data();
  const auto loop = [=, &margin] {
    for (py::ssize_t i = 0; i < size; ++i) {
      const caffe::margin::Dual<Dtype> y = margin(from[i]);
      to_value[i] = y.value;
      to_slope[i] = y.slope;
    }
  };
  if (size < kElementsWorthReleasing) {
    loop();
  } else {
    const py::gil_scoped_release release;
    loop();
  }
  return py::make_tuple(std::move(value), std::move(slope));
}

// Calls with_dtype(array, zero of its type), for floats of 4 and 8 bytes only:
// the layers know no others, and a conversion would hide which one computed.
template <typename Call>
py::tuple by_dtype(const char* name, const py::object& x, const Call& call) {
  const py::array array = py::array::ensure(x);
  if (!array) {
    throw py::value_error(std::string(name) + " is no array of numbers, got " +
        py::str(py::type::of(x)).cast<std::string>());
  }
  const py::dtype dtype = array.dtype();
  if (dtype.kind() == 'f' && dtype.itemsize() == 4) { return call(array, 0.f); }
  if (dtype.kind() == 'f' && dtype.itemsize() == 8) { return call(array, 0.); }
  throw py::value_error(std::string(name) +
      " must be float32 or float64, got " + py::str(dtype).cast<std::string>() +
      "; convert it with astype");
}

py::tuple psi(const py::object& cosine, double m1, double m2, double m3,
    const std::string& bound) {
  return by_dtype("cosine", cosine, [&](const py::array& array, auto zero) {
    typedef decltype(zero) Dtype;
    return apply<Dtype>(array,
        caffe::margin::CombinedMargin<Dtype>{finite_above_zero<Dtype>("m1", m1),
            finite<Dtype>("m2", m2), finite<Dtype>("m3", m3), bound_of(bound)});
  });
}

py::tuple a_softmax(const py::object& cosine, int m, double lambda) {
  if (m < 1) {
    throw py::value_error("m must be 1 or more, got " + std::to_string(m));
  }
  if (lambda < 0) {
    std::ostringstream message;
    message << "lambda_ must be 0 or more, got " << lambda;
    throw py::value_error(message.str());
  }
  return by_dtype("cosine", cosine, [&](const py::array& array, auto zero) {
    typedef decltype(zero) Dtype;
    return apply<Dtype>(array,
        caffe::margin::ASoftmax<Dtype>{m, finite<Dtype>("lambda_", lambda)});
  });
}

py::tuple label_specific_add(const py::object& x, double bias,
    bool unconditional) {
  return by_dtype("x", x, [&](const py::array& array, auto zero) {
    typedef decltype(zero) Dtype;
    return apply<Dtype>(array,
        caffe::margin::LabelSpecificAdd<Dtype>{
            finite<Dtype>("bias", bias), unconditional});
  });
}

double annealed(double start, double end, double over, double done) {
  if (!(over >= 0) || !(done >= 0)) {
    std::ostringstream message;
    message << "over and done count passes, 0 or more, got " << over << " and "
            << done;
    throw py::value_error(message.str());
  }
  return caffe::margin::AnnealedSetting(finite<double>("start", start),
      finite<double>("end", end), over, done);
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() =
      "The margins of the layers, compiled from the same header as they are.";
  module.def("psi", &psi, py::arg("cosine"), py::arg("m1"), py::arg("m2"),
      py::arg("m3"), py::arg("bound") = "clamp",
      R"(A target's cosine with the combined margin, and the derivative by the cosine.

value = cos(m1 * theta + m2) - m3 with theta = acos(cosine). AM-Softmax (CosFace)
is (1, 0, m), ArcFace (1, m, 0), SphereFace (m, 0, 0).

Args:
    cosine: array of any shape and layout, float32 or float64, in [-1, 1]; taken no
        closer than 1e-4 to either end. NaN stays NaN.
    m1: factor of the angle, above 0.
    m2: added to the angle, in radians.
    m3: taken from the cosine.
    bound: what happens when the angle m1 * theta + m2 passes pi. "clamp": it
        stops at pi - 1e-4, and the slope is limited to [0, 2]. "monotone": the
        value goes on falling, and the slope is exact.
Returns: (value, slope), two arrays of cosine's shape and precision. Other threads
    run while a large array is computed.
Raises: ValueError: another dtype or bound, m1 not above 0, or a margin that is
    not finite.
Source: CombinedMarginLayer; Deng et al., ArcFace, arXiv 1801.07698.
)");
  module.def("a_softmax", &a_softmax, py::arg("cosine"), py::arg("m") = 4,
      py::arg("lambda_") = 0,
      R"(A target's cosine with SphereFace's margin, and the derivative by the cosine.

value = (lambda_ * cosine + psi) / (1 + lambda_), psi = (-1)^k cos(m * theta) - 2k with
k = floor(m * theta / pi).

Args:
    cosine: array of any shape and layout, float32 or float64, in [-1, 1].
    m: the factor of the angle, a whole number from 1 on.
    lambda_: weight of the plain cosine, 0 or more, which training anneals.
Returns: (value, slope), two arrays of cosine's shape and precision. Other threads
    run while a large array is computed.
Raises: ValueError: another dtype, m below 1, or a lambda_ below 0 or not finite.
Source: MarginInnerProductLayer; Liu et al., SphereFace, arXiv 1704.08063.
)");
  module.def("label_specific_add", &label_specific_add, py::arg("x"),
      py::arg("bias"), py::arg("unconditional") = false,
      R"(A target's logit with the bias added, and the derivative by the logit.

value = x + bias; unless unconditional, only where x > -bias. The slope is 1.

Args:
    x: array of any shape and layout, float32 or float64.
    bias: in units of x; -m for AM-Softmax with margin m.
    unconditional: add the bias everywhere, as the paper's equation does.
Returns: (value, slope), two arrays of x's shape and precision.
Raises: ValueError: another dtype, or a bias that is not finite.
Source: LabelSpecificAddLayer; Wang et al., AM-Softmax, arXiv 1801.05599.
)");
  module.def("annealed", &annealed, py::arg("start"), py::arg("end"),
      py::arg("over"), py::arg("done"),
      R"(A setting of MarginSoftmaxLoss in a training pass: m1, m2, m3 or the scale.

It goes from start to end in equal steps, and then stays there.

Args:
    start, end: in the setting's own unit; m2 in radians.
    over: the passes that it takes, anneal_iter; 0 for the end from the first on.
    done: the passes before this one, 0 or more.
Returns: float64.
Raises: ValueError: start or end is not finite, or a count is negative or NaN.
Source: MarginSoftmaxLossLayer.
)");
}
