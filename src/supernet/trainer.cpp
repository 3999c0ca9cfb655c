// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "engine/thread_scope.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "supernet/image_input.hpp"
#include "supernet/step_runner.hpp"
#include "supernet/training_ranks.hpp"

namespace lathe {
namespace {

constexpr int most_roll_backs = 3;
constexpr std::int64_t steps_between_good_states = 50;

void require(bool fine, const char* setting, double value, const char* remedy) {
    if (!fine) {
        throw error(errc::bad_input, "training settings", fmt::format("{} is {}", setting, value),
                    remedy);
    }
}

void check(const training_settings& s) {
    require(std::isfinite(s.seconds) && s.seconds >= 0.0, "seconds", s.seconds,
            "give a finite number of at least 0");
    require(s.steps >= 0 && (s.seconds > 0.0) != (s.steps > 0), "steps",
            static_cast<double>(s.steps), "give either seconds or steps, above 0");
    require(s.threads >= 1, "threads", s.threads, "give at least 1");
    require(s.learning_rate > 0.0F && std::isfinite(s.learning_rate), "learning_rate",
            s.learning_rate, "give a finite number above 0");
    require(s.matrix_rate >= 0.0F && s.matrix_rate < 1.0F, "matrix_rate", s.matrix_rate,
            "give a number from 0 to below 1");
    require(s.warm_up >= 0.0 && s.warm_up < 1.0, "warm_up", s.warm_up, "give a share from 0 to 1");
    require(s.ends_alone >= 0.0 && s.ends_alone < 1.0, "ends_alone", s.ends_alone,
            "give a share from 0 to below 1");
    require(s.small_images >= 0.0 && s.small_images < 1.0, "small_images", s.small_images,
            "give a share from 0 to below 1");
    require(s.momentum >= 0.0F && s.momentum < 1.0F, "momentum", s.momentum,
            "give a number from 0 to below 1");
    require(s.weight_decay >= 0.0F && std::isfinite(s.weight_decay), "weight_decay", s.weight_decay,
            "give a finite number of at least 0");
    require(s.label_smoothing >= 0.0F && s.label_smoothing < 1.0F, "label_smoothing",
            s.label_smoothing, "give a number from 0 to below 1");
    require(s.clip_norm >= 0.0F && std::isfinite(s.clip_norm), "clip_norm", s.clip_norm,
            "give a finite number of at least 0");
    require(s.memory >= 0, "memory", static_cast<double>(s.memory), "give a number of at least 0");
    require(s.checkpoint_seconds >= 0.0, "checkpoint_seconds", s.checkpoint_seconds,
            "give a number of at least 0");
}

/// Share of the peak: linear warm-up, then half a cosine to zero (Loshchilov, Hutter 2017).
double schedule(const training_settings& s, double share) {
    if (share < s.warm_up) return share / s.warm_up;
    const double x = (share - s.warm_up) / (1.0 - s.warm_up);
    return 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(x, 1.0)));
}

/// What must be the same for a checkpoint to be continued: settings, number of ranks, the networks of
/// the first step and its batch, which shows images, order, normalisation and augmentation.
std::string digest(const training_settings& s, int ranks, batch_reader data,
                   const std::vector<network>& first_step) {
    hasher h;
    h.add(static_cast<std::uint64_t>(ranks));
    const auto add = [&](double v) { h.add_bytes(std::as_bytes(std::span(&v, 1))); };
    for (const double v :
         {s.seconds, static_cast<double>(s.steps), static_cast<double>(s.threads),
          static_cast<double>(s.seed), static_cast<double>(s.learning_rate),
          static_cast<double>(s.matrix_rate), s.warm_up, s.ends_alone, s.small_images,
          static_cast<double>(s.momentum), static_cast<double>(s.weight_decay),
          static_cast<double>(s.label_smoothing), static_cast<double>(s.clip_norm)}) {
        add(v);
    }
    h.add(static_cast<std::uint64_t>(s.others)).add(static_cast<std::uint64_t>(data.batch()));
    h.add(static_cast<std::uint64_t>(resolve(s.precision)));
    h.add(data.steps_per_epoch());
    for (const auto& net : first_step) h.add(net.identity_hash());
    std::vector<float> images(static_cast<std::size_t>(data.batch()) * data.shape().elements());
    std::vector<std::int32_t> labels(static_cast<std::size_t>(data.batch()));
    (void)data.read({0, 0}, images, labels);
    h.add_bytes(std::as_bytes(std::span(images))).add_bytes(std::as_bytes(std::span(labels)));
    return to_hex(h.value());
}

/// For images of three quarters of the height and width, about half of the pixels.
network on_small_images(const network& net, std::int32_t channels) {
    const image_shape own = image_input(net, channels);
    const auto smaller = [](std::int32_t extent) { return (3 * extent + 3) / 4; };
    return with_image_size(net, smaller(own.height), smaller(own.width));
}

/// Values and momentum to go back to.
class good_state {
public:
    void remember(const weight_store& weights, std::int64_t step) {
        step_ = step;
        kept_.clear();
        for (const auto& [name, t] : weights.tensors()) kept_[name] = {t.value, t.velocity};
    }
    /// Tensors that came later are dropped: they are made again when they are needed.
    void restore(weight_store& weights) const {
        std::erase_if(weights.tensors(), [&](const auto& entry) { return !kept_.contains(entry.first); });
        for (auto& [name, t] : weights.tensors()) {
            t.value = kept_.at(name).value;
            t.velocity = kept_.at(name).velocity;
        }
    }
    [[nodiscard]] std::int64_t step() const noexcept { return step_; }

private:
    struct content {
        std::vector<float> value, velocity;
    };
    std::map<std::string, content> kept_;
    std::int64_t step_ = 0;
};

class supernet_trainer {
public:
    supernet_trainer(weight_store& weights, const subnet_sampler& sampler, const batch_reader& data,
                     const training_settings& settings, const training_probe& probe,
                     std::stop_token stop, training_ranks& ranks)
        : weights_(weights),
          sampler_(sampler),
          ranks_(ranks),
          settings_(settings),
          probe_(probe),
          stop_(std::move(stop)),
          shape_(data.shape()),
          runner_(weights, settings) {
        const auto first_step = sampler_(step_rng(0));
        for (const auto& net : first_step) weights_.add(net);
        check_memory(first_step, data.batch());
        state_.settings = digest(settings, ranks.size(), data, first_step);
        require_same_state();
        if (ranks_.of_first(has_checkpoint())) {
            resume();
            require_same_state();
        } else {
            save();  // a folder that cannot be written to shall show before the first step
        }
        batches_ = std::make_unique<loader>(data.part(ranks.rank(), ranks.size()), state_.position);
    }

    training_report run() {
        good_.remember(weights_, state_.step);
        clock::time_point last_checkpoint = clock::now();
        while (goes_on()) {
            const auto start = clock::now();
            one_step();
            state_.seconds += std::chrono::duration<double>(clock::now() - start).count();
            if (probe_) probe_(progress());
            if (std::chrono::duration<double>(clock::now() - last_checkpoint).count() >=
                settings_.checkpoint_seconds) {
                save();
                last_checkpoint = clock::now();
            }
        }
        save();
        require_same_state();
        return {progress(), share_done() >= 1.0, runner_.counters(),
                weight_bytes(weights_, settings_) + runner_.counters().arena_bytes};
    }

private:
    using clock = std::chrono::steady_clock;

    void check_memory(std::span<const network> nets, int batch) const {
        if (settings_.memory == 0) return;
        const std::int64_t needed = training_memory(weights_, nets, batch, settings_);
        if (needed <= settings_.memory) return;
        throw error(errc::bad_input, "training settings",
                    fmt::format("memory is {}, a step on {} images takes {}",
                                format_bytes(static_cast<double>(settings_.memory)), batch,
                                format_bytes(static_cast<double>(needed))),
                    "lower the batch or allow more");
    }
    [[nodiscard]] rng step_rng(std::int64_t step) const {
        return rng(settings_.seed).child("subnets", static_cast<std::uint64_t>(step));
    }
    [[nodiscard]] double share_done() const {
        return settings_.steps > 0
                   ? static_cast<double>(state_.step) / static_cast<double>(settings_.steps)
                   : state_.seconds / settings_.seconds;
    }
    /// Of the peaks of the rates.
    [[nodiscard]] double rate_share() const {
        return schedule(settings_, std::min(share_done(), 1.0)) * std::ldexp(1.0, -state_.roll_backs);
    }

    /// All ranks end at the same step: a request to any of them counts, and the clock is rank 0's.
    bool goes_on() {
        const bool stopped = ranks_.any(stop_.stop_requested());
        state_.seconds = ranks_.of_first(state_.seconds);
        return share_done() < 1.0 && !stopped;
    }

    [[nodiscard]] std::vector<network> step_networks() const {
        auto nets = sampler_(step_rng(state_.step));
        if (nets.empty()) {
            throw error(errc::bad_input, "sampler",
                        fmt::format("no network for step {}", state_.step), "give at least one");
        }
        if (share_done() < settings_.ends_alone && nets.size() > 2) {
            nets.erase(nets.begin() + 1, nets.end() - 1);
        }
        if (share_done() < settings_.small_images) {
            for (auto& net : nets) net = on_small_images(net, shape_.channels);
        }
        return nets;
    }

    void one_step() {
        const detail::thread_scope threads(settings_.threads);
        const auto batch = batches_->next();
        const auto nets = step_networks();
        const auto rate = [&](float peak) { return static_cast<float>(peak * rate_share()); };
        const bool finite =
            ranks_.average_gradients(weights_, runner_.run(nets, batch, shape_, results_)) &&
            weights_.apply({.learning_rate = rate(settings_.learning_rate),
                            .momentum = settings_.momentum,
                            .weight_decay = settings_.weight_decay,
                            .clip_norm = settings_.clip_norm,
                            .matrix_rate = rate(settings_.matrix_rate)});
        if (finite) {
            keep_means();
        } else {
            roll_back();
        }
        ++state_.step;
        state_.position = batches_->position();
        images_ += std::int64_t{batch.count} * ranks_.size();
        if (finite && state_.step - good_.step() >= steps_between_good_states) {
            require_same_state();
            good_.remember(weights_, state_.step);
        }
    }

    void require_same_state() {
        if (ranks_.alone()) return;
        hasher h;
        h.add(state_.settings).add(settings_.checkpoint.string());
        h.add(static_cast<std::uint64_t>(state_.step)).add(weights_.content_hash());
        ranks_.require_same(h.value());
    }

    void roll_back() {
        if (++state_.roll_backs > most_roll_backs) {
            throw error(errc::numeric, "training",
                        fmt::format("the loss was not finite for the {}th time, at step {}",
                                    state_.roll_backs, state_.step),
                        "lower learning_rate, matrix_rate or clip_norm");
        }
        good_.restore(weights_);
    }

    void keep_means() {
        constexpr double keep = 0.98;
        const auto mix = [&](double& mean, double value) {
            mean = has_means_ ? keep * mean + (1.0 - keep) * value : value;
        };
        mix(means_.loss_first, results_.front().loss);
        mix(means_.loss_last, results_.back().loss);
        mix(means_.accuracy_first, results_.front().accuracy);
        mix(means_.accuracy_last, results_.back().accuracy);
        has_means_ = true;
    }

    [[nodiscard]] training_progress progress() const {
        training_progress p = means_;
        p.step = state_.step;
        p.seconds = state_.seconds;
        p.share_done = std::min(share_done(), 1.0);
        p.epoch = static_cast<double>(state_.position.epoch) +
                  static_cast<double>(state_.position.step) /
                      static_cast<double>(batches_->steps_per_epoch());
        p.learning_rate = settings_.learning_rate * rate_share();
        p.images_per_second = state_.seconds > 0.0 && state_.seconds > seconds_before_
                                  ? static_cast<double>(images_) / (state_.seconds - seconds_before_)
                                  : 0.0;
        p.roll_backs = state_.roll_backs;
        return p;
    }

    [[nodiscard]] bool has_checkpoint() const {
        if (settings_.checkpoint.empty()) return false;
        std::error_code failure;
        const bool exists = std::filesystem::exists(settings_.checkpoint, failure);
        if (!failure) return exists;
        throw error(errc::io, settings_.checkpoint.string(), failure.message(),
                    "give a path that can be read and written");
    }

    void save() const {
        if (settings_.checkpoint.empty() || ranks_.rank() != 0) return;
        save_checkpoint(settings_.checkpoint, weights_, state_);
    }

    void resume() {
        checkpoint c = load_checkpoint(settings_.checkpoint);
        if (c.state.settings != state_.settings) {
            throw error(errc::bad_input, settings_.checkpoint.string(),
                        "the checkpoint was made with other settings, data or space, or by another "
                        "number of ranks",
                        "use the settings of then, or start in another folder");
        }
        state_ = std::move(c.state);
        weights_.tensors() = std::move(c.tensors);
        seconds_before_ = state_.seconds;
    }

    weight_store& weights_;
    const subnet_sampler& sampler_;
    training_ranks& ranks_;
    training_settings settings_;
    const training_probe& probe_;
    std::stop_token stop_;
    image_shape shape_;
    step_runner runner_;
    std::unique_ptr<loader> batches_;
    training_state state_;
    good_state good_;
    std::vector<batch_result> results_;
    training_progress means_;
    bool has_means_ = false;
    std::int64_t images_ = 0;
    double seconds_before_ = 0.0;
};

}  // namespace

training_report train_supernet(weight_store& weights, const subnet_sampler& sampler,
                               const batch_reader& data, const training_settings& settings,
                               const training_probe& probe, std::stop_token stop,
                               communicator_ref peers) {
    training_ranks ranks(peers);
    return ranks.together([&] {
        check(settings);
        return supernet_trainer(weights, sampler, data, settings, probe, std::move(stop), ranks)
            .run();
    });
}

}  // namespace lathe
