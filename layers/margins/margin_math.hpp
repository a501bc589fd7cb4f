// installed by amcaffe
#ifndef CAFFE_MARGIN_MATH_HPP_
#define CAFFE_MARGIN_MATH_HPP_

#include <cmath>
#include <cstddef>

// Every formula of the margin layers, for the host and for CUDA, without a
// Caffe header: the .cpp files loop these, the .cu files launch them, and the
// Python extension exposes them.
#ifdef __CUDACC__
#define MARGIN_HD __host__ __device__ inline
#else
#define MARGIN_HD inline
#endif

namespace caffe {
namespace margin {

/// A function's value and its derivative, from one call, so that Forward and
/// Backward cannot drift apart.
template <typename Dtype>
struct Dual {
  Dtype value, slope;
};

/// x limited to [low, high]; NaN stays NaN, so that a diverged net shows it.
template <typename Dtype>
MARGIN_HD Dtype Clip(const Dtype x, const Dtype low, const Dtype high) {
  return x < low ? low : (x > high ? high : x);
}

// --- Labels --------------------------------------------------------------

/// Whether a label is an integer below `classes`; a negative one is that of a
/// row to ignore. NaN and infinities are not.
template <typename Dtype>
MARGIN_HD bool IsLabel(const int classes, const Dtype label) {
  return label < classes && std::floor(label) == label && label - label == 0;
}

/// The class that a label names; -1 for a row to ignore and for what is no
/// label, so that no index made of it is out of bounds.
template <typename Dtype>
MARGIN_HD int TargetClass(const int classes, const Dtype label) {
  return label >= 0 && IsLabel(classes, label) ? static_cast<int>(label) : -1;
}

/// The row of the first label that is neither a label nor `ignored`; `rows`
/// where there is none.
template <typename Dtype>
MARGIN_HD int FirstBadLabel(const int rows, const int classes,
    const Dtype* label, const Dtype ignored = -1) {
  for (int i = 0; i < rows; ++i) {
    if (!IsLabel(classes, label[i]) && label[i] != ignored) { return i; }
  }
  return rows;
}

// --- Margins: functions of the target's cosine -----------------------------

/// y = x + bias. Unless unconditional, only where x > -bias: a target that a
/// negative bias would push below zero is left alone. The slope is 1 on both
/// sides of that step.
template <typename Dtype>
struct LabelSpecificAdd {
  Dtype bias;
  bool unconditional;

  MARGIN_HD Dual<Dtype> operator()(const Dtype x) const {
    const Dual<Dtype> result = {
        unconditional || x > -bias ? x + bias : x, Dtype(1)};
    return result;
  }
};

/// The annealed bias after `iteration` training passes.
template <typename Dtype>
inline Dtype AnnealedBias(const Dtype base, const Dtype gamma,
    const Dtype power, const Dtype low, const Dtype high,
    const Dtype iteration) {
  return Clip(base + std::pow(1 + gamma * iteration, power) - 1, low, high);
}

/// What happens to cos(angle) once the angle m1 * theta + m2 passes pi, where
/// the cosine would rise again and reward a worse target.
enum Bound {
  CLAMP,    ///< the angle stops short of pi, the slope is kept in [0, 2]
  MONOTONE  ///< the curve goes on falling, and its slope is exact
};

/// A margin annealed by A-Softmax's lambda: (lambda * x + psi) / (1 + lambda).
template <typename Dtype>
MARGIN_HD Dual<Dtype> WithLambda(const Dtype lambda, const Dtype x,
    const Dual<Dtype>& psi) {
  const Dual<Dtype> y = {(lambda * x + psi.value) / (1 + lambda),
      (lambda + psi.slope) / (1 + lambda)};
  return y;
}

/**
 * y = cos(angle) - m3, angle = m1 * theta + m2, theta = acos(x), in radians.
 *
 * In either bound x is clipped to +-(1 - 1e-4), as acos has an infinite slope
 * at +-1, and the angle is at least 0. The slope is taken at the clipped
 * point rather than set to zero: a target beyond the clip is still trained.
 *
 * CLAMP: the angle ends at pi - 1e-4, and the slope
 * m1 * sin(angle) / sin(theta) is limited to [0, 2].
 *
 * MONOTONE, past pi: for m1 = 1, y = x - fall - m3, with insightface's
 * fall = m2 * sin(m2) (or 1 - cos(m2), where that is more: m2 > 2.33, for
 * which the curve would otherwise jump up). For other m1, A-Softmax's
 * (-1)^k * cos(angle) - 2k - m3 with k = floor(angle / pi).
 */
template <typename Dtype>
struct CombinedMargin {
  Dtype m1, m2, m3;
  Bound bound;

  MARGIN_HD Dual<Dtype> operator()(const Dtype x) const {
    const Dtype pi = Dtype(3.14159265358979323846);
    const Dtype gap = Dtype(1e-4);
    const Dtype c = Clip(x, gap - 1, 1 - gap);
    const Dtype theta = std::acos(c);
    const Dtype raw = m1 * theta + m2;
    const Dtype angle = Clip(raw, Dtype(0), bound == CLAMP ? pi - gap : raw);
    Dual<Dtype> y = {
        std::cos(angle), m1 * std::sin(angle) / std::sqrt((1 - c) * (1 + c))};
    if (bound == CLAMP) {
      y.slope = Clip(y.slope, Dtype(0), Dtype(2));
    } else if (angle > pi && m1 == 1) {
      const Dtype insightface = m2 * std::sin(m2);
      const Dtype continuous = 1 - std::cos(m2);
      y.value = c - (insightface > continuous ? insightface : continuous);
      y.slope = 1;
    } else if (angle > pi) {
      const Dtype k = std::floor(angle / pi);
      const Dtype sign = k - 2 * std::floor(k / 2) > 0 ? -1 : 1;
      y.value = sign * y.value - 2 * k;
      y.slope = sign * y.slope;
    }
    y.value -= m3;
    return y;
  }
};

/**
 * A-Softmax: y = (lambda * x + psi(x)) / (1 + lambda), psi = (-1)^k * cos(m *
 * theta) - 2k with k = floor(m * theta / pi), for a whole m.
 *
 * CombinedMargin with (m, 0, 0) and MONOTONE has the same psi, away from +-1.
 * This one is a polynomial in x, exact up to there.
 */
template <typename Dtype>
struct ASoftmax {
  int m;
  Dtype lambda;

  MARGIN_HD Dual<Dtype> operator()(const Dtype x) const {
    // Chebyshev's polynomials T_m(x) = cos(m * theta) and U_{m-1}(x) =
    // sin(m * theta) / sin(theta), of which the first has the slope m * U.
    Dtype t = x, t_before = 1, u = 1, u_before = 0;
    for (int i = 1; i < m; ++i) {
      const Dtype t_next = 2 * x * t - t_before;
      const Dtype u_next = 2 * x * u - u_before;
      t_before = t;
      t = t_next;
      u_before = u;
      u = u_next;
    }
    Dtype sign = 1, passed = 0;  // (-1)^k and k
    for (int i = 1; i < m; ++i) {
      if (x < std::cos(i * Dtype(3.14159265358979323846) / m)) {
        sign = -sign;
        passed += 1;
      }
    }
    const Dual<Dtype> psi = {sign * t - 2 * passed, sign * m * u};
    return WithLambda(lambda, x, psi);
  }
};

/// ASoftmax's lambda in training pass `iteration`, counted from 1.
template <typename Dtype>
inline Dtype AnnealedLambda(const Dtype base, const Dtype gamma,
    const Dtype power, const Dtype low, const Dtype iteration) {
  const Dtype lambda = base * std::pow(1 + gamma * iteration, -power);
  return lambda < low ? low : lambda;
}

/**
 * MarginSoftmaxLoss's margin: a CombinedMargin with, unless unconditional, the
 * guard of LabelSpecificAdd in its place (which needs m1 = 1 and m2 = 0), and
 * annealed by lambda.
 */
template <typename Dtype>
struct LossMargin {
  CombinedMargin<Dtype> combined;
  bool unconditional;
  Dtype lambda;

  MARGIN_HD Dual<Dtype> operator()(const Dtype x) const {
    const LabelSpecificAdd<Dtype> guarded = {-combined.m3, false};
    return WithLambda(lambda, x, unconditional ? combined(x) : guarded(x));
  }
};

/// A setting in a training pass that `done` others came before: from start to
/// end in equal steps over `over` passes, and then the end.
template <typename Dtype>
inline Dtype AnnealedSetting(const Dtype start, const Dtype end,
    const Dtype over, const Dtype done) {
  if (!(done < over)) { return end; }
  return done > 0 ? start + (end - start) * (done / over) : start;
}

/// Applies a margin to row i of (rows x classes) logits, in place, and keeps
/// the slope at the target in slope[i], unless slope is NULL. An ignored row
/// stays, with slope 1.
template <typename Dtype, typename Margin>
MARGIN_HD void ForwardRow(const int i, const int classes, const Dtype* label,
    const Margin& margin, Dtype* logits, Dtype* slope) {
  Dual<Dtype> y = {0, 1};
  const int target = TargetClass(classes, label[i]);
  if (target >= 0) {
    Dtype* logit = logits + static_cast<std::size_t>(i) * classes + target;
    y = margin(*logit);
    *logit = y.value;
  }
  if (slope) { slope[i] = y.slope; }
}

/// Turns row i of the gradient by ForwardRow's output into that by its input.
template <typename Dtype>
MARGIN_HD void BackwardRow(const int i, const int classes, const Dtype* label,
    const Dtype* slope, Dtype* diff) {
  const int target = TargetClass(classes, label[i]);
  if (target >= 0) {
    diff[static_cast<std::size_t>(i) * classes + target] *= slope[i];
  }
}

// --- Softmax loss of a row -------------------------------------------------

/// Some classes of a row, the logits being scale * cosine: the largest cosine,
/// the sum of e_j = exp(scale * (cos_j - best)), and, where it is wanted, that
/// of e_j cos_j. Of no class, (-infinity, 0, 0).
template <typename Dtype>
struct LogSum {
  Dtype best, sum, along;
};

/// Two parts of a row as one, so that a row need not be in one place.
template <typename Dtype>
MARGIN_HD LogSum<Dtype> Merge(const LogSum<Dtype>& a, const LogSum<Dtype>& b,
    const Dtype scale) {
  if (a.sum == 0) { return b; }
  if (b.sum == 0) { return a; }
  const Dtype best = a.best > b.best ? a.best : b.best;
  const Dtype of_a = std::exp(scale * (a.best - best));
  const Dtype of_b = std::exp(scale * (b.best - best));
  const LogSum<Dtype> both = {
      best, a.sum * of_a + b.sum * of_b, a.along * of_a + b.along * of_b};
  return both;
}

/// loss = -log(p), p the target's share of the softmax, and rest = 1 - p: with
/// the target apart from the other classes neither loses digits where p is
/// close to 1.
template <typename Dtype>
struct TargetLoss {
  Dtype loss, rest;
};

/// @param target its cosine, with the margin
template <typename Dtype>
MARGIN_HD TargetLoss<Dtype> SoftmaxLoss(const Dtype target,
    const LogSum<Dtype>& others, const Dtype scale) {
  const Dtype best = others.sum == 0 ? target : others.best;
  const Dtype ahead = scale * (best - target);
  TargetLoss<Dtype> result;
  if (ahead > 0) {
    const Dtype own = std::exp(-ahead);
    result.loss = ahead + std::log(others.sum + own);
    result.rest = others.sum / (others.sum + own);
  } else {
    const Dtype odds = others.sum * std::exp(ahead);
    result.loss = std::log1p(odds);
    result.rest = odds / (1 + odds);
  }
  return result;
}

/// The gradients of a row's loss through its target's logit, scale * psi: by
/// the target's cosine, per scale, and by the scale.
template <typename Dtype>
struct TargetGradient {
  Dtype by_cosine, by_scale;
};

template <typename Dtype>
MARGIN_HD TargetGradient<Dtype> GradientAtTarget(const Dual<Dtype>& psi,
    const TargetLoss<Dtype>& loss) {
  const TargetGradient<Dtype> result = {
      -loss.rest * psi.slope, -loss.rest * psi.value};
  return result;
}

// --- Normalisation of a vector: y = x / norm -------------------------------

enum Norm {
  L2,   ///< sqrt(sum x^2 + 1e-12)
  L1,   ///< sum |x| + 1e-6
  UNIT  ///< sqrt(sum x^2); a zero vector stays zero, with gradient zero
};

/// What one element adds to the sum under the norm, and the direction t in
/// which the norm grows with that element: d norm / d x = t / norm for L2 and
/// UNIT, and t for L1.
template <typename Dtype>
MARGIN_HD Dual<Dtype> NormTerm(const Norm kind, const Dtype x) {
  Dual<Dtype> term = {x * x, x};
  if (kind == L1) {
    term.value = x < 0 ? -x : x;
    term.slope = static_cast<Dtype>((x > 0) - (x < 0));
  }
  return term;
}

template <typename Dtype>
MARGIN_HD Dtype NormOfSum(const Norm kind, const Dtype sum) {
  return kind == L1 ? sum + Dtype(1e-6)
                    : std::sqrt(kind == L2 ? sum + Dtype(1e-12) : sum);
}

/// The factor of y = factor * x; 0 for a zero vector.
template <typename Dtype>
MARGIN_HD Dtype InverseNorm(const Dtype norm) {
  return norm > 0 ? 1 / norm : Dtype(0);
}

/// The gradient by x as diff * dy + direction * t, t being NormTerm's slope.
template <typename Dtype>
struct NormGradient {
  Dtype diff, direction;
};

/**
 * @param norm of the vector
 * @param factor with y = factor * x, where x is the vector that t and dot are
 *     taken from: InverseNorm(norm), or 1 where x holds the normalised vector
 * @param dot sum over the vector of x * dy
 * @param norm_diff gradient by the norm itself
 * @param divide false leaves out the division by the norm (fix_gradient)
 */
template <typename Dtype>
MARGIN_HD NormGradient<Dtype> BackwardNorm(const Norm kind, const Dtype norm,
    const Dtype factor, const Dtype dot, const Dtype norm_diff,
    const bool divide) {
  const Dtype scale = divide ? InverseNorm(norm) : Dtype(1);
  const Dtype along = norm_diff - scale * factor * dot;
  const NormGradient<Dtype> result = {
      scale, kind == L1 ? along : along * factor};
  return result;
}

// --- Margins on the cosine in |x| cos(theta) -------------------------------

/// ForwardRow for logits that are norm[i] times a cosine, norm[i] = |x|: the
/// margin is the cosine's. With y = |x| * m(c) at the target, slope[i] is dm/dc
/// and radial[i] the factor of x in dy/dx = slope * w + radial * x, where w is
/// the class's unit vector.
template <typename Dtype, typename Margin>
MARGIN_HD void ForwardLengthRow(const int i, const int classes,
    const Dtype* label, const Margin& margin, const Dtype* norm, Dtype* logits,
    Dtype* slope, Dtype* radial) {
  slope[i] = 1;
  radial[i] = 0;
  const int target = TargetClass(classes, label[i]);
  if (target < 0) { return; }
  Dtype* logit = logits + static_cast<std::size_t>(i) * classes + target;
  const Dtype inverse = InverseNorm(norm[i]);
  const Dtype cosine = *logit * inverse;
  const Dual<Dtype> y = margin(cosine);
  *logit = norm[i] * y.value;
  slope[i] = y.slope;
  radial[i] = (y.value - cosine * y.slope) * inverse;
}

/// Multiplies the target of row i of a gradient by slope[i], and keeps in
/// kept[i] what it was: zero in a row to ignore.
template <typename Dtype>
MARGIN_HD void ScaleTarget(const int i, const int classes, const Dtype* label,
    const Dtype* slope, Dtype* diff, Dtype* kept) {
  kept[i] = 0;
  const int target = TargetClass(classes, label[i]);
  if (target >= 0) {
    Dtype* target_diff = diff + static_cast<std::size_t>(i) * classes + target;
    kept[i] = *target_diff;
    *target_diff *= slope[i];
  }
}

/// Puts kept[i] back.
template <typename Dtype>
MARGIN_HD void RestoreTarget(const int i, const int classes, const Dtype* label,
    const Dtype* kept, Dtype* diff) {
  const int target = TargetClass(classes, label[i]);
  if (target >= 0) {
    diff[static_cast<std::size_t>(i) * classes + target] = kept[i];
  }
}

}  // namespace margin
}  // namespace caffe

#undef MARGIN_HD

#endif  // CAFFE_MARGIN_MATH_HPP_
