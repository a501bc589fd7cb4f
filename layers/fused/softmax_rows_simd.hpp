// installed by amcaffe
// The loops of softmax_rows.cpp, which includes this once for each instruction
// set, with SOFTMAX_ROWS_ISA, a name, and SOFTMAX_ROWS_BYTES, the width of its
// vectors, defined; so there is no include guard. The vectors are GCC's and
// clang's own types: one text for every width.

namespace SOFTMAX_ROWS_ISA {

#define ALWAYS_INLINE inline __attribute__((always_inline))

template <typename Dtype> struct Wide;

template <> struct Wide<float> {
  typedef float Vector __attribute__((vector_size(SOFTMAX_ROWS_BYTES)));
  typedef int Integer;
  typedef Integer Integers __attribute__((vector_size(SOFTMAX_ROWS_BYTES)));
  enum { kLanes = SOFTMAX_ROWS_BYTES / 4, kMantissa = 23, kTerms = 7 };
  static Integer Bias() { return 127; }
  // exp is 0 below the first and infinite above the second.
  static float Lowest() { return -104.f; }
  static float Highest() { return 89.f; }
  // log(2) in two parts: an integer times the first is exact.
  static float Log2High() { return 0.693359375f; }
  static float Log2Low() { return -2.12194440e-4f; }
  static float Round() { return 12582912.f; }  // 1.5 * 2^23
};

template <> struct Wide<double> {
  typedef double Vector __attribute__((vector_size(SOFTMAX_ROWS_BYTES)));
  typedef long long Integer;  // NOLINT(runtime/int)
  typedef Integer Integers __attribute__((vector_size(SOFTMAX_ROWS_BYTES)));
  enum { kLanes = SOFTMAX_ROWS_BYTES / 8, kMantissa = 52, kTerms = 13 };
  static Integer Bias() { return 1023; }
  static double Lowest() { return -746.; }
  static double Highest() { return 710.; }
  static double Log2High() { return 0.693145751953125; }
  static double Log2Low() { return 1.42860682030941723212e-6; }
  static double Round() { return 6755399441055744.; }  // 1.5 * 2^52
};

/// The terms K to kTerms of r^k / k!, divided by r^K.
template <typename Dtype, int K>
struct Series {
  static ALWAYS_INLINE typename Wide<Dtype>::Vector Sum(
      const typename Wide<Dtype>::Vector& r, const Dtype coefficient) {
    const typename Wide<Dtype>::Vector rest =
        Series<Dtype, K == Wide<Dtype>::kTerms ? -1 : K + 1>::Sum(
            r, coefficient / (K + 1));
    return rest * r + coefficient;
  }
};

template <typename Dtype>
struct Series<Dtype, -1> {
  static ALWAYS_INLINE typename Wide<Dtype>::Vector Sum(
      const typename Wide<Dtype>::Vector&, const Dtype) {
    const typename Wide<Dtype>::Vector zero = {0};
    return zero;
  }
};

#define WIDE_TYPES \
  typedef typename Wide<Dtype>::Vector Vector; \
  const int kLanes = Wide<Dtype>::kLanes

template <typename Dtype>
ALWAYS_INLINE typename Wide<Dtype>::Vector Load(const Dtype* x) {
  typename Wide<Dtype>::Vector v;
  memcpy(&v, x, sizeof(v));
  return v;
}

template <typename Dtype>
ALWAYS_INLINE void Store(const typename Wide<Dtype>::Vector& v, Dtype* x) {
  memcpy(x, &v, sizeof(v));
}

/// exp of each lane, to about one unit in the last place: x = n log(2) + r,
/// exp(x) = 2^n exp(r), the latter by its Taylor series, |r| <= log(2) / 2.
template <typename Dtype>
ALWAYS_INLINE typename Wide<Dtype>::Vector Exp(typename Wide<Dtype>::Vector x) {
  typedef Wide<Dtype> W;
  typedef typename W::Vector Vector;
  typedef typename W::Integers Integers;
  const Vector zero = {0};
  const Vector lowest = zero + W::Lowest(), highest = zero + W::Highest();
  x = x < lowest ? lowest : (x > highest ? highest : x);  // NaN stays
  const Vector shifted = x * Dtype(1.44269504088896340736) + W::Round();
  const Vector n = shifted - W::Round();
  const Vector r = (x - n * W::Log2High()) - n * W::Log2Low();
  const Vector sum = Series<Dtype, 0>::Sum(r, Dtype(1));
  // 2^n in two factors, as a result may be denormal, or 2^n too large alone.
  // The integer n is in the low bits of the sum with Round().
  Integers whole, half;
  memcpy(&whole, &shifted, sizeof(whole));
  const Vector round = zero + W::Round();
  Integers base;
  memcpy(&base, &round, sizeof(base));
  whole = whole - base;
  half = whole >> 1;
  Integers first = (half + W::Bias()) << int(W::kMantissa);
  Integers second = (whole - half + W::Bias()) << int(W::kMantissa);
  Vector low, high;
  memcpy(&low, &first, sizeof(low));
  memcpy(&high, &second, sizeof(high));
  return sum * low * high;
}

/// The last n < kLanes elements, the rest filled with what changes nothing.
template <typename Dtype>
ALWAYS_INLINE typename Wide<Dtype>::Vector LoadSome(const int n, const Dtype* x,
    const Dtype fill) {
  WIDE_TYPES;
  Vector v = {0};
  v = v + fill;
  Dtype lanes[kLanes];
  Store<Dtype>(v, lanes);
  memcpy(lanes, x, n * sizeof(Dtype));
  return Load<Dtype>(lanes);
}

template <typename Dtype>
ALWAYS_INLINE void StoreSome(const int n, const typename Wide<Dtype>::Vector& v,
    Dtype* x) {
  Dtype lanes[Wide<Dtype>::kLanes];
  Store<Dtype>(v, lanes);
  memcpy(x, lanes, n * sizeof(Dtype));
}

template <typename Dtype>
ALWAYS_INLINE Dtype SumOfLanes(const typename Wide<Dtype>::Vector& v) {
  Dtype sum = 0;
  for (int i = 0; i < Wide<Dtype>::kLanes; ++i) { sum += v[i]; }
  return sum;
}

template <typename Dtype>
Dtype ScaleMax(int n, const Dtype* factor, Dtype* x) {
  WIDE_TYPES;
  const Dtype none = -std::numeric_limits<Dtype>::infinity();
  Vector best = {0};
  best = best + none;
  int j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    const Vector y = Load<Dtype>(x + j) * Load<Dtype>(factor + j);
    Store<Dtype>(y, x + j);
    best = y > best ? y : best;
  }
  Dtype largest = none;
  for (int i = 0; i < kLanes; ++i) {
    if (best[i] > largest) { largest = best[i]; }
  }
  for (; j < n; ++j) {
    x[j] *= factor[j];
    if (x[j] > largest) { largest = x[j]; }
  }
  return largest;
}

template <typename Dtype>
Dtype SumExp(int n, Dtype scale, Dtype best, const Dtype* x) {
  WIDE_TYPES;
  Vector sum = {0};
  int j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    sum += Exp<Dtype>((Load<Dtype>(x + j) - best) * scale);
  }
  Dtype total = SumOfLanes<Dtype>(sum);
  if (j < n) {
    const Vector last = Exp<Dtype>(
        (LoadSome<Dtype>(n - j, x + j, best) - best) * scale);
    for (int i = 0; i < n - j; ++i) { total += last[i]; }
  }
  return total;
}

template <typename Dtype>
Dtype Gradient(int n, Dtype scale, Dtype shift, Dtype weight, const Dtype* x,
    const Dtype* factor, Dtype* gradient, Dtype* along) {
  WIDE_TYPES;
  Vector sum = {0};
  int j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    const Vector v = Load<Dtype>(x + j);
    const Vector by_logit = Exp<Dtype>(v * scale - shift) * weight;
    const Vector by_x = by_logit * scale;
    sum += by_logit * v;
    Store<Dtype>(by_x * Load<Dtype>(factor + j), gradient + j);
    Store<Dtype>(Load<Dtype>(along + j) + by_x * v, along + j);
  }
  Dtype total = SumOfLanes<Dtype>(sum);
  if (j < n) {
    const int rest = n - j;
    const Vector v = LoadSome<Dtype>(rest, x + j, Dtype(0));
    const Vector by_logit = Exp<Dtype>(v * scale - shift) * weight;
    const Vector by_x = by_logit * scale;
    StoreSome<Dtype>(rest, by_x * LoadSome<Dtype>(rest, factor + j, Dtype(0)),
        gradient + j);
    StoreSome<Dtype>(rest, LoadSome<Dtype>(rest, along + j, Dtype(0)) +
        by_x * v, along + j);
    for (int i = 0; i < rest; ++i) { total += by_logit[i] * v[i]; }
  }
  return total;
}

template <typename Dtype>
const SoftmaxRows<Dtype>& Rows(const char* name) {
  static const SoftmaxRows<Dtype> rows = {
    name, ScaleMax<Dtype>, SumExp<Dtype>, Gradient<Dtype> };
  return rows;
}

#undef WIDE_TYPES
#undef ALWAYS_INLINE

}  // namespace SOFTMAX_ROWS_ISA
