// SPDX-License-Identifier: Apache-2.0
// Include before any Highway header: the kernels are built for 4, 8 and 16 lanes and for scalars;
// targets in between would only repeat the same code.
#pragma once

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (1LL << 12)  // HWY_SSSE3, whose name is not defined yet
#endif
