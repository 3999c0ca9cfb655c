// SPDX-License-Identifier: Apache-2.0
// Keeps the compiler from undoing what register tiles are for. Included once per target.
#if defined(LATHE_KERNELS_REGISTERS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef LATHE_KERNELS_REGISTERS_INL
#undef LATHE_KERNELS_REGISTERS_INL
#else
#define LATHE_KERNELS_REGISTERS_INL
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace lathe::kernels::HWY_NAMESPACE {

// Keeps it from computing ahead of a loop, into too few registers, what follows from x.
template <class X>
HWY_INLINE void hide(X& x) {
    asm("" : "+r"(x));
}

// Keeps it from loading a vector again at each of its uses.
template <class V>
HWY_INLINE void keep_loaded([[maybe_unused]] V& value) {
#if HWY_ARCH_X86
    asm("" : "+v"(value.raw));
#endif
}

}  // namespace lathe::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
