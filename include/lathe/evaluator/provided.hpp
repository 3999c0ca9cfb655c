// SPDX-License-Identifier: Apache-2.0
// What adapters of evaluators share. Not for users of the library.
#pragma once

namespace lathe::detail {

/// Has a member `provided` exactly if T has one.
template <class T>
struct provided_of {};
template <class T>
    requires requires { typename T::provided; }
struct provided_of<T> {
    using provided = typename T::provided;
};

}  // namespace lathe::detail
