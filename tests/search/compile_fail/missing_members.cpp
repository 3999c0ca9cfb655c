// SPDX-License-Identifier: Apache-2.0
// One type per member that a concept asks for, with all the others. With INCOMPLETE it does not
// compile, and each message names the member that is not there.
#include "lathe/constraint/concept.hpp"
#include "lathe/cost_model/concept.hpp"
#include "lathe/data/concept.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search_space/concept.hpp"

using namespace lathe;

template <class... Members>
struct made_of : Members... {};

struct nothing {};

struct asks { std::vector<proposal> ask(std::size_t n); };
struct tells { void tell(std::span<const outcome> outcomes); };
struct tells_state { std::string state() const; };
struct restores { void restore(std::string_view state); };
static_assert(Optimizer<made_of<asks, tells, tells_state, restores>>);

struct has_axes { const std::vector<axis>& axes() const; };
struct has_canonical { genotype canonical(const genotype& g) const; };
struct lowers { network lower(const genotype& g) const; };
static_assert(SearchSpace<made_of<has_axes, has_canonical, lowers>>);

struct names_metrics { std::vector<metric_id> metrics() const; };
struct estimates { cost_table estimate(std::span<const network> nets, const deployment& d); };
static_assert(CostModel<made_of<names_metrics, estimates>>);

struct evaluates { std::vector<evaluation> evaluate(std::span<const candidate> c, fidelity f); };
struct is_safe { static constexpr thread_safety safety = thread_safety::none; };
static_assert(Evaluator<made_of<evaluates, names_metrics, is_safe>>);

struct limits { lathe::violation violation(const network& net, const metric_values& m) const; };
static_assert(Constraint<limits>);

struct appends { void append(const study_event& e); };
struct lists_events { std::vector<study_event> events() const; };
static_assert(StudyStore<made_of<appends, lists_events>>);

struct has_size { std::size_t size() const; };
struct has_classes { std::int32_t classes() const; };
struct has_shape { image_shape shape() const; };
struct reads {
    void read(std::span<const std::uint32_t> indices, std::span<std::uint8_t> images,
              std::span<std::int32_t> labels) const;
};
static_assert(Dataset<made_of<has_size, has_classes, has_shape, reads>>);

struct watches { next_step operator()(const step_record& r); };
static_assert(Probe<watches>);

#ifdef INCOMPLETE
static_assert(Optimizer<made_of<tells, tells_state, restores>>);
static_assert(Optimizer<made_of<asks, tells_state, restores>>);
static_assert(Optimizer<made_of<asks, tells, restores>>);
static_assert(Optimizer<made_of<asks, tells, tells_state>>);
static_assert(SearchSpace<made_of<has_canonical, lowers>>);
static_assert(SearchSpace<made_of<has_axes, lowers>>);
static_assert(SearchSpace<made_of<has_axes, has_canonical>>);
static_assert(CostModel<estimates>);
static_assert(CostModel<names_metrics>);
static_assert(Evaluator<made_of<names_metrics, is_safe>>);
static_assert(Evaluator<made_of<evaluates, is_safe>>);
static_assert(Evaluator<made_of<evaluates, names_metrics>>);
static_assert(Constraint<nothing>);
static_assert(StudyStore<lists_events>);
static_assert(StudyStore<appends>);
static_assert(Dataset<made_of<has_classes, has_shape, reads>>);
static_assert(Dataset<made_of<has_size, has_shape, reads>>);
static_assert(Dataset<made_of<has_size, has_classes, reads>>);
static_assert(Dataset<made_of<has_size, has_classes, has_shape>>);
static_assert(Probe<nothing>);
#endif
