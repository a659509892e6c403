#include "actors/admission.hpp"

#include "config/admission.hpp"

#include <algorithm>

namespace tutti {

namespace {

/// Counts through all sessions, so that ids name one invitation in the whole hub.
std::uint64_t next_invitation_id() noexcept {
  static std::uint64_t last = 0; // the loop thread only
  return ++last;
}

} // namespace

admission_verdict admission::judge(const io::endpoint& from, const protocol::invitation& received,
                                   protocol::hub_time now, bool& news) {
  auto said = config::admit(policy_, from.address, received.name);
  if (said != config::admission::ask)
    return said == config::admission::accept ? admission_verdict::admit : admission_verdict::refuse;
  if (auto before = decided(io::address_text(from), received.name))
    return *before ? admission_verdict::admit : admission_verdict::refuse;
  news = wait(from, received, now);
  return admission_verdict::wait;
}

// A decision for once is used up by the question.
std::optional<bool> admission::decided(const std::string& host, const std::string& name) {
  auto found = std::find_if(decisions_.begin(), decisions_.end(),
                            [&](const auto& one) { return one.host == host && one.name == name; });
  if (found == decisions_.end())
    return std::nullopt;
  auto admitted = found->admitted;
  if (found->term == decision_term::once)
    decisions_.erase(found);
  return admitted;
}

bool admission::wait(const io::endpoint& from, const protocol::invitation& received,
                     protocol::hub_time now) {
  auto known = std::find_if(pending_.begin(), pending_.end(), [&](const auto& one) {
    return one.address.same_host(from) && one.name == received.name;
  });
  if (known != pending_.end()) {
    known->address = from;
    known->last = received;
    known->last_at = now;
    return false;
  }
  if (pending_.size() >= max_pending)
    pending_.erase(
        std::min_element(pending_.begin(), pending_.end(),
                         [](const auto& a, const auto& b) { return a.last_at < b.last_at; }));
  pending_.push_back({next_invitation_id(), session_, received.name, from, now, received, now});
  return true;
}

std::optional<pending_invitation> admission::decide(std::uint64_t id, bool admitted,
                                                    decision_term term, protocol::hub_time now) {
  auto found = std::find_if(pending_.begin(), pending_.end(),
                            [id](const auto& one) { return one.id == id; });
  if (found == pending_.end())
    return std::nullopt;
  auto decided = std::move(*found);
  pending_.erase(found);
  // A yes for once that can be given at once leaves nothing behind.
  if (term != decision_term::once || (admitted && !is_answerable(decided, now)))
    remember({io::address_text(decided.address), decided.name, admitted, term});
  return decided;
}

std::vector<pending_invitation> admission::expire(protocol::hub_time now) {
  std::vector<pending_invitation> out;
  std::erase_if(pending_, [&](const auto& one) {
    auto gone = now - one.last_at >= patience;
    if (gone)
      out.push_back(one);
    return gone;
  });
  return out;
}

void admission::remember(admission_decision decision) {
  forget(decision.host, decision.name);
  if (decisions_.size() >= max_decisions)
    decisions_.erase(decisions_.begin());
  decisions_.push_back(std::move(decision));
}

bool admission::forget(const std::string& host, const std::string& name) {
  return std::erase_if(decisions_,
                       [&](const auto& one) { return one.host == host && one.name == name; }) > 0;
}

} // namespace tutti
