#include "io/event_queue.hpp"

#include <algorithm>
#include <utility>

namespace tutti::io {

bool event_queue::push(topic what, event_weight weight, event_text text) {
  auto waiting = waiting_.end();
  if (weight == event_weight::state)
    waiting = std::find_if(waiting_.begin(), waiting_.end(), [what](const entry& one) {
      return one.what == what && one.weight == event_weight::state;
    });
  auto all_kept = waiting == waiting_.end();
  octets_ += text->size();
  if (all_kept) {
    waiting_.push_back({what, weight, std::move(text)});
  } else {
    octets_ -= waiting->text->size();
    waiting->text = std::move(text);
  }
  while (waiting_.size() > 1 && (waiting_.size() > limits_.events || octets_ > limits_.octets)) {
    drop_one();
    all_kept = false;
  }
  return all_kept;
}

void event_queue::drop_one() {
  auto victim = std::find_if(waiting_.begin(), waiting_.end(), [](const entry& one) {
    return one.weight != event_weight::important;
  });
  if (victim == waiting_.end())
    victim = waiting_.begin();
  octets_ -= victim->text->size();
  count_loss(victim->what);
  waiting_.erase(victim);
}

void event_queue::count_loss(topic what) {
  auto known = std::find_if(losses_.begin(), losses_.end(),
                            [what](const loss& one) { return one.what == what; });
  if (known == losses_.end())
    losses_.push_back({what, 1});
  else
    ++known->events;
}

event_text event_queue::pop() {
  auto text = std::move(waiting_.front().text);
  waiting_.pop_front();
  octets_ -= text->size();
  return text;
}

std::vector<event_queue::loss> event_queue::take_losses() {
  return std::exchange(losses_, {});
}

} // namespace tutti::io
