// SPDX-License-Identifier: Apache-2.0
// Activations on Highway vectors: one struct each with apply(x) and slope(x), the derivative.
// Included once per target, inside the target's own namespace, by sources that use foreach_target.
#if defined(LATHE_KERNELS_ACTIVATION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_ACTIVATION_INL
#undef LATHE_KERNELS_ACTIVATION_INL
#else
#define LATHE_KERNELS_ACTIVATION_INL
#endif

#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Targets disagree about min and max of NaN; comparison and selection keep NaN on all of them.

struct identity_activation {
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D, hn::Vec<D> x) {
        return x;
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D, hn::Vec<D>, hn::Vec<D> gradient) {
        return gradient;
    }
};

struct relu_activation {
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> x) {
        return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D d, hn::Vec<D> x, hn::Vec<D> gradient) {
        return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), gradient);
    }
};

struct relu6_activation {
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> x) {
        const auto six = hn::Set(d, 6.0F);
        return hn::IfThenElse(hn::Gt(x, six), six, relu_activation::apply(d, x));
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D d, hn::Vec<D> x, hn::Vec<D> gradient) {
        const auto inside = hn::And(hn::Gt(x, hn::Zero(d)), hn::Lt(x, hn::Set(d, 6.0F)));
        return hn::IfThenElseZero(inside, gradient);
    }
};

// x * clip(x + 3, 0, 6) / 6 (Howard et al. 2019).
struct hard_swish_activation {
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> x) {
        const auto shifted = hn::MulAdd(x, hn::Set(d, 1.0F / 6.0F), hn::Set(d, 0.5F));
        return hn::Mul(x, hn::Min(hn::Set(d, 1.0F), hn::Max(hn::Zero(d), shifted)));
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D d, hn::Vec<D> x, hn::Vec<D> gradient) {
        const auto inner = hn::MulAdd(x, hn::Set(d, 1.0F / 3.0F), hn::Set(d, 0.5F));
        const auto above = hn::Ge(x, hn::Set(d, 3.0F));
        const auto positive = hn::Gt(x, hn::Set(d, -3.0F));
        const auto slope = hn::IfThenElse(above, hn::Set(d, 1.0F), inner);
        return hn::IfThenElseZero(positive, hn::Mul(slope, gradient));
    }
};

// x / (1 + exp(-x)).
struct swish_activation {
    template <class D>
    static HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
        const auto one = hn::Set(d, 1.0F);
        return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> x) {
        return hn::Mul(x, sigmoid(d, x));
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D d, hn::Vec<D> x, hn::Vec<D> gradient) {
        const auto s = sigmoid(d, x);
        const auto one = hn::Set(d, 1.0F);
        const auto slope = hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
        return hn::Mul(slope, gradient);
    }
};

// x * Phi(x) with the normal distribution function Phi (Hendrycks and Gimpel 2016), by
// Abramowitz and Stegun 7.1.26: absolute error of Phi below 1e-7.
struct gelu_activation {
    template <class D>
    struct normal {
        hn::Vec<D> distribution;  // Phi(x)
        hn::Vec<D> bell;          // exp(-x * x / 2)
    };
    template <class D>
    static HWY_INLINE normal<D> evaluate(D d, hn::Vec<D> x) {
        const auto one = hn::Set(d, 1.0F);
        const auto bell = hn::Exp(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.5F)));
        // 0.3275911 / sqrt(2), for erf's argument |x| / sqrt(2)
        const auto t = hn::Div(one, hn::MulAdd(hn::Abs(x), hn::Set(d, 0.231641888F), one));
        auto series = hn::Set(d, 1.061405429F);
        series = hn::MulAdd(series, t, hn::Set(d, -1.453152027F));
        series = hn::MulAdd(series, t, hn::Set(d, 1.421413741F));
        series = hn::MulAdd(series, t, hn::Set(d, -0.284496736F));
        series = hn::MulAdd(series, t, hn::Set(d, 0.254829592F));
        const auto tail = hn::Mul(hn::Mul(hn::Mul(series, t), bell), hn::Set(d, 0.5F));
        const auto distribution =
            hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(one, tail), tail);
        return {distribution, bell};
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> apply(D d, hn::Vec<D> x) {
        return hn::Mul(x, evaluate(d, x).distribution);
    }
    template <class D>
    static HWY_INLINE hn::Vec<D> slope_times(D d, hn::Vec<D> x, hn::Vec<D> gradient) {
        const auto phi = evaluate(d, x);
        const auto density = hn::Mul(phi.bell, hn::Set(d, 0.398942280F));
        return hn::Mul(hn::MulAdd(x, density, phi.distribution), gradient);
    }
};

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
