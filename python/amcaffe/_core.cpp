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

void require_finite(const char* name, double number) {
  if (!std::isfinite(number)) {
    std::ostringstream message;
    message << name << " must be finite, got " << number;
    throw py::value_error(message.str());
  }
}

// (value, slope) of a margin at each element, in x's own precision.
template <typename Dtype, typename Margin>
py::tuple apply(const py::array& x, const Margin& margin) {
  const auto input = py::array_t<Dtype, py::array::c_style>::ensure(x);
  if (!input) { throw py::error_already_set(); }
  const std::vector<py::ssize_t> shape(x.shape(), x.shape() + x.ndim());
  py::array_t<Dtype> value(shape), slope(shape);
  const Dtype* from = input.data();
  Dtype* to_value = value.mutable_data();
  Dtype* to_slope = slope.mutable_data();
  for (py::ssize_t i = 0; i < input.size(); ++i) {
    const caffe::margin::Dual<Dtype> y = margin(from[i]);
    to_value[i] = y.value;
    to_slope[i] = y.slope;
  }
  return py::make_tuple(std::move(value), std::move(slope));
}

// Calls with_dtype(zero of x's type), for float32 and float64 only.
template <typename Call>
py::tuple by_dtype(const char* name, const py::array& x, const Call& call) {
  if (py::isinstance<py::array_t<float> >(x)) { return call(0.f); }
  if (py::isinstance<py::array_t<double> >(x)) { return call(0.); }
  throw py::value_error(std::string(name) + " must be float32 or float64, got "
      + py::str(x.dtype()).cast<std::string>());
}

py::tuple margin(const py::array& cosine, double m1, double m2, double m3,
    const std::string& bound) {
  namespace math = caffe::margin;
  require_finite("m1", m1);
  require_finite("m2", m2);
  require_finite("m3", m3);
  if (m1 <= 0) {
    std::ostringstream message;
    message << "m1 must be above 0, got " << m1;
    throw py::value_error(message.str());
  }
  if (bound != "clamp" && bound != "monotone") {
    throw py::value_error(
        "bound must be \"clamp\" or \"monotone\", got \"" + bound + "\"");
  }
  const math::Bound kind = bound == "clamp" ? math::CLAMP : math::MONOTONE;
  return by_dtype("cosine", cosine, [&](auto zero) {
    typedef decltype(zero) Dtype;
    return apply<Dtype>(cosine, math::CombinedMargin<Dtype>{
        static_cast<Dtype>(m1), static_cast<Dtype>(m2),
        static_cast<Dtype>(m3), kind});
  });
}

py::tuple label_specific_add(const py::array& x, double bias,
    bool unconditional) {
  require_finite("bias", bias);
  return by_dtype("x", x, [&](auto zero) {
    typedef decltype(zero) Dtype;
    return apply<Dtype>(x, caffe::margin::LabelSpecificAdd<Dtype>{
        static_cast<Dtype>(bias), unconditional});
  });
}

}  // namespace

PYBIND11_MODULE(_core, module) {
  module.doc() =
      "The margins of the layers, compiled from the same header as they are.";
  module.def("margin", &margin, py::arg("cosine"), py::arg("m1"),
      py::arg("m2"), py::arg("m3"), py::kw_only(), py::arg("bound") = "clamp",
      R"(A target's cosine with the combined margin, and the derivative by the cosine.

value = cos(m1 * theta + m2) - m3 with theta = acos(cosine). AM-Softmax (CosFace)
is (1, 0, m), ArcFace (1, m, 0), SphereFace (m, 0, 0).

Args:
    cosine: array of any shape, float32 or float64, in [-1, 1]; taken no closer
        than 1e-4 to either end. NaN stays NaN.
    m1: factor of the angle, above 0.
    m2: added to the angle, in radians.
    m3: taken from the cosine.
    bound: what happens when the angle m1 * theta + m2 passes pi. "clamp": it
        stops at pi - 1e-4, and the slope is limited to [0, 2]. "monotone": the
        value goes on falling, and the slope is exact.
Returns: (value, slope), two arrays of cosine's shape and dtype.
Raises: ValueError: another dtype or bound, m1 not above 0, or a margin that is
    not finite.
Source: CombinedMarginLayer; Deng et al., ArcFace, arXiv 1801.07698.
)");
  module.def("label_specific_add", &label_specific_add, py::arg("x"),
      py::arg("bias"), py::arg("unconditional") = false,
      R"(A target's logit with the bias added, and the derivative by the logit.

value = x + bias; unless unconditional, only where x > -bias. The slope is 1.

Args:
    x: array of any shape, float32 or float64.
    bias: in units of x; -m for AM-Softmax with margin m.
    unconditional: add the bias everywhere, as the paper's equation does.
Returns: (value, slope), two arrays of x's shape and dtype.
Raises: ValueError: another dtype, or a bias that is not finite.
Source: LabelSpecificAddLayer; Wang et al., AM-Softmax, arXiv 1801.05599.
)");
}
