// The control actor's answers about rules, scenes and the configuration.
// Every edit is a patch of the document in force. What is checked against If-Match is part of the
// patch (or its revision), so that of two editors who meet only one succeeds; without If-Match the
// edit is made anew on what the other one left.
#include "actors/control_state.hpp"
#include "actors/document_edit.hpp"

#include <cassert>
#include <numeric>

namespace tutti {

using config::change_result;
using config::configuration_ptr;
using io::http_exchange_ptr;
using io::http_response;
using io::problem;
using nlohmann::json;

namespace {

/// An edit that others get in the way of this often is given up.
constexpr unsigned max_attempts = 64;

std::string quoted(const std::string& tag) {
  return '"' + tag + '"';
}

http_response tagged(http_response response, const std::string& tag) {
  return std::move(response).with("ETag", quoted(tag));
}

/// The answer to a GET, or 304 if the client has it already.
http_response tagged_answer(const http_exchange_ptr& exchange, const json& content,
                            const std::string& tag) {
  const auto& known = exchange->request().if_none_match;
  if (!known.empty() && matches_tag(known, tag)) {
    http_response unchanged;
    unchanged.status = 304;
    return tagged(std::move(unchanged), tag);
  }
  return tagged({200, content.dump() + '\n'}, tag);
}

http_response outdated() {
  return problem(412, "It was changed since the version that If-Match names.");
}

/// True if the request has no If-Match, or one that wants this tag.
bool is_meant(const http_exchange_ptr& exchange, const std::string& tag) {
  const auto& wanted = exchange->request().if_match;
  return wanted.empty() || matches_tag(wanted, tag);
}

bool is_merge_patch(const http_exchange_ptr& exchange) {
  return exchange->request().content_type.starts_with("application/merge-patch+json");
}

std::string resource(std::string_view section, const std::string& id) {
  return "/api/v1/" + std::string(section) + '/' + io::percent_encode(id);
}

/// The item as it is after an edit. Without a place it was appended, and is the last, wherever that
/// is by then: others may have added or removed some since the edit was planned.
std::function<http_response(const change_result&)>
show_edited(const char* section, std::optional<std::size_t> place, unsigned status) {
  return [section, place, status](const change_result& result) {
    document_list now(result.in_force->document, section);
    assert(now.items().size() > place.value_or(0));
    auto index = place.value_or(now.items().size() - 1);
    auto response = tagged({status, now.items()[index].dump() + '\n'}, now.tag(index));
    return std::move(response).with("Location", resource(section, now.id_of(index)));
  };
}

/// Where an edit's item stands in the document; without a place it is to be appended ("-").
std::string place_in(const char* section, std::optional<std::size_t> place) {
  return '/' + std::string(section) + '/' + (place ? std::to_string(*place) : "-");
}

/// The same with a number for "-", given the document that refused the item.
std::string numbered(const std::string& place, const json& document) {
  if (!place.ends_with("/-"))
    return place;
  document_list list(document, place.substr(1, place.size() - 3));
  return place.substr(0, place.size() - 1) + std::to_string(list.items().size());
}

std::optional<edit_wish> refuse_edit(const http_exchange_ptr& exchange, http_response response) {
  exchange->respond(std::move(response));
  return std::nullopt;
}

json describe_change(const change_result& result) {
  return {{"revision", result.in_force->revision},
          {"changed_sections", result.in_force->changed_sections},
          {"remarks", result.remarks}};
}

} // namespace

// -- asking -----------------------------------------------------------------------------------

template <class Use>
void control_state::ask_configuration(const http_exchange_ptr& exchange, Use use) {
  if (in_force_)
    return use(in_force_);
  self->request(parts_.configuration, patience, atom::status_v)
      .then([use](const configuration_ptr& now) { use(now); }, fail_with_busy(exchange));
}

// Reads what is in force, lets `plan` make a patch of it or answer itself, and has it done.
void control_state::edit(const http_exchange_ptr& exchange, const edit_plan& plan,
                         unsigned attempt) {
  ask_configuration(exchange, [this, exchange, plan, attempt](const configuration_ptr& now) {
    auto wanted = plan(now->document, now->revision);
    if (!wanted)
      return;
    self->request(parts_.configuration, edit_patience, atom::edit_v, json_value{wanted->patch},
                  wanted->revision)
        .then(
            [this, exchange, plan, attempt, wanted = *wanted](const change_result& result) {
              finish_edit(exchange, plan, attempt, wanted, result);
            },
            fail_with_busy(exchange));
  });
}

void control_state::finish_edit(const http_exchange_ptr& exchange, const edit_plan& plan,
                                unsigned attempt, const edit_wish& wish,
                                const change_result& result) {
  using verdict = change_result::verdict;
  switch (result.what) {
  case verdict::done:
    forget_answers();
    exchange->respond(wish.answer(result));
    return;
  case verdict::mistaken:
    exchange->respond(
        refuse_body(seen_from(numbered(wish.place, result.in_force->document), result.mistakes)));
    return;
  case verdict::outdated:
  case verdict::missing:
    // The plan finds out whether that is the client's business: it looks at If-Match again.
    if (attempt + 1 < max_attempts)
      edit(exchange, plan, attempt + 1);
    else
      exchange->respond(busy());
  }
}

// -- rules and scenes ---------------------------------------------------------------------------

void control_state::show_list(const http_exchange_ptr& exchange, const char* section) {
  ask_configuration(exchange, [exchange, section](const configuration_ptr& now) {
    document_list list(now->document, section);
    std::vector<std::size_t> places(list.items().size());
    std::iota(places.begin(), places.end(), 0u);
    auto response = page(
        exchange, places, [&](std::size_t i) { return list.id_of(i); },
        [&](std::size_t i) {
          return api_json{{"id", list.id_of(i)},
                          {"position", i},
                          {"etag", quoted(list.tag(i))},
                          {"value", list.items()[i]}};
        });
    if (response.status == 200)
      response = tagged(std::move(response), list.tag());
    exchange->respond(std::move(response));
  });
}

void control_state::show_item(const http_exchange_ptr& exchange, const char* section) {
  ask_configuration(exchange, [exchange, section](const configuration_ptr& now) {
    document_list list(now->document, section);
    auto index = list.find(exchange->request().arguments[0]);
    exchange->respond(index ? tagged_answer(exchange, list.items()[*index], list.tag(*index))
                            : problem(404, "There is none with this name."));
  });
}

void control_state::create_item(const http_exchange_ptr& exchange, const char* section) {
  auto body = read_json(exchange);
  if (!body)
    return;
  edit(exchange,
       [exchange, section, item = *body](const json& document, const std::string& revision) {
         document_list list(document, section);
         if (!is_meant(exchange, list.tag()))
           return refuse_edit(exchange, outdated());
         std::optional<std::size_t> before;
         if (auto wanted = exchange->request().target.parameter("before")) {
           before = list.find(*wanted);
           if (!before)
             return refuse_edit(exchange, problem(400, "\"before\" names nothing that is there."));
         }
         edit_wish wish;
         wish.patch = list.insertion(item, before);
         if (!exchange->request().if_match.empty())
           wish.revision = revision;
         wish.place = place_in(section, before);
         wish.answer = show_edited(section, before, 201);
         return std::optional(wish);
       });
}

void control_state::replace_item(const http_exchange_ptr& exchange, const char* section) {
  auto body = read_json(exchange);
  if (!body)
    return;
  const auto& id = exchange->request().arguments[0];
  auto creates = std::string_view(section) == "scenes";
  if (creates && body->is_object() && !body->contains("name"))
    (*body)["name"] = id;
  if (creates && body->is_object() && (*body)["name"] != id)
    return exchange->respond(refuse_body(
        {{"/name", (*body)["name"].dump(), "the name in the path, or no name at all"}}));
  edit(exchange,
       [exchange, section, creates, item = *body](const json& document, const std::string&) {
         document_list list(document, section);
         auto index = list.find(exchange->request().arguments[0]);
         if (!index && (!creates || !exchange->request().if_match.empty()))
           return refuse_edit(exchange,
                              creates ? outdated() : problem(404, "There is none with this name."));
         if (index && !is_meant(exchange, list.tag(*index)))
           return refuse_edit(exchange, outdated());
         edit_wish wish;
         wish.patch = index ? list.replacement(*index, item) : list.insertion(item, std::nullopt);
         wish.place = place_in(section, index);
         wish.answer = show_edited(section, index, index ? 200u : 201u);
         return std::optional(wish);
       });
}

void control_state::patch_item(const http_exchange_ptr& exchange, const char* section) {
  auto body = read_json(exchange);
  if (!body)
    return;
  if (!is_merge_patch(exchange) && !is_json(exchange->request().content_type))
    return exchange->respond(problem(415, "The body must be application/merge-patch+json."));
  edit(exchange, [exchange, section, change = *body](const json& document, const std::string&) {
    document_list list(document, section);
    auto index = list.find(exchange->request().arguments[0]);
    if (!index)
      return refuse_edit(exchange, problem(404, "There is none with this name."));
    if (!is_meant(exchange, list.tag(*index)))
      return refuse_edit(exchange, outdated());
    auto item = list.items()[*index];
    item.merge_patch(change);
    edit_wish wish;
    wish.patch = list.replacement(*index, std::move(item));
    wish.place = place_in(section, index);
    wish.answer = show_edited(section, *index, 200);
    return std::optional(wish);
  });
}

void control_state::remove_item(const http_exchange_ptr& exchange, const char* section) {
  edit(exchange, [exchange, section](const json& document, const std::string&) {
    document_list list(document, section);
    auto index = list.find(exchange->request().arguments[0]);
    if (!index)
      return refuse_edit(exchange, problem(404, "There is none with this name."));
    if (!is_meant(exchange, list.tag(*index)))
      return refuse_edit(exchange, outdated());
    edit_wish wish;
    wish.patch = list.removal(*index);
    wish.answer = [](const change_result&) { return no_content(); };
    return std::optional(wish);
  });
}

void control_state::replace_rules(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"rules"});
  if (!body)
    return;
  if (!body->contains("rules"))
    return exchange->respond(refuse_body({{"/rules", "nothing", "a list of rules"}}));
  edit(exchange, [exchange, items = (*body)["rules"]](const json& document, const std::string&) {
    document_list list(document, "rules");
    if (!is_meant(exchange, list.tag()))
      return refuse_edit(exchange, outdated());
    edit_wish wish;
    wish.patch = list.replacement_of_all(items, !exchange->request().if_match.empty());
    wish.answer = [exchange](const change_result& result) {
      document_list now(result.in_force->document, "rules");
      return tagged(json_response({{"total", now.items().size()}}), now.tag());
    };
    return std::optional(wish);
  });
}

void control_state::move_rule(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"position"});
  if (!body)
    return;
  auto position = body->find("position");
  if (position == body->end() || !position->is_number_unsigned())
    return exchange->respond(
        refuse_body({{"/position", position == body->end() ? "nothing" : position->dump(),
                      "the number of rules that are to come before it"}}));
  edit(exchange,
       [exchange, to = position->get<std::uint64_t>()](const json& document, const std::string&) {
         document_list list(document, "rules");
         auto index = list.find(exchange->request().arguments[0]);
         if (!index)
           return refuse_edit(exchange, problem(404, "There is none with this name."));
         if (!is_meant(exchange, list.tag()))
           return refuse_edit(exchange, outdated());
         auto place = std::size_t(std::min<std::uint64_t>(to, list.items().size() - 1));
         edit_wish wish;
         wish.patch = list.move(*index, place);
         wish.answer = [place](const change_result& result) {
           document_list now(result.in_force->document, "rules");
           return tagged(json_response({{"id", now.id_of(place)}, {"position", place}}), now.tag());
         };
         return std::optional(wish);
       });
}

void control_state::active_scene(const http_exchange_ptr& exchange) {
  self->request(parts_.router, patience, atom::scene_v)
      .then(
          [exchange](const std::string& scene) {
            exchange->respond(json_response({{"name", scene}}));
          },
          fail_with_busy(exchange));
}

void control_state::switch_scene(const http_exchange_ptr& exchange, const std::string& scene) {
  self->request(parts_.router, patience, atom::scene_v, scene)
      .then(
          [exchange, scene](bool known) {
            exchange->respond(known ? json_response({{"name", scene}})
                                    : problem(404, "No scene has this name."));
          },
          fail_with_busy(exchange));
}

void control_state::set_scene(const http_exchange_ptr& exchange) {
  auto body = read_object(exchange, {"name"});
  if (!body)
    return;
  config::mistakes found;
  if (!body->contains("name"))
    found.push_back({"/name", "nothing", "the name of a scene, or \"\" for none"});
  auto scene = read_text(*body, "name", {}, found);
  if (!found.empty())
    return exchange->respond(refuse_body(found));
  switch_scene(exchange, scene);
}

// -- the configuration --------------------------------------------------------------------------

void control_state::configuration(const http_exchange_ptr& exchange) {
  ask_configuration(exchange, [exchange](const configuration_ptr& now) {
    exchange->respond(tagged_answer(exchange, now->document, now->revision));
  });
}

void control_state::replace_configuration(const http_exchange_ptr& exchange) {
  edit_configuration(exchange, [](json& document, const json& body) { document = body; });
}

void control_state::change_configuration(const http_exchange_ptr& exchange) {
  edit_configuration(exchange,
                     [](json& document, const json& body) { document.merge_patch(body); });
}

void control_state::edit_configuration(const http_exchange_ptr& exchange,
                                       void (*change)(json& document, const json& body)) {
  if (exchange->request().body.empty())
    return exchange->respond(problem(400, "A body is needed."));
  auto body = read_json(exchange);
  if (!body)
    return;
  edit(exchange, [exchange, change, body = *body](const json& document,
                                                  const std::string& revision) {
    if (!is_meant(exchange, revision))
      return refuse_edit(exchange, outdated());
    auto wanted = document;
    change(wanted, body);
    edit_wish wish;
    wish.patch = json::array({{{"op", "replace"}, {"path", ""}, {"value", std::move(wanted)}}});
    wish.revision = revision;
    wish.answer = [](const change_result& result) {
      return tagged(json_response(describe_change(result)), result.in_force->revision);
    };
    return std::optional(wish);
  });
}

void control_state::reload(const http_exchange_ptr& exchange) {
  self->request(parts_.configuration, edit_patience, atom::reload_v)
      .then(
          [this, exchange](const change_result& result) {
            forget_answers();
            exchange->respond(
                result ? tagged(json_response(describe_change(result)), result.in_force->revision)
                       : refuse_body(result.mistakes));
          },
          fail_with_busy(exchange));
}

void control_state::validate(const http_exchange_ptr& exchange) {
  if (exchange->request().body.empty())
    return exchange->respond(problem(400, "A body is needed."));
  auto body = read_json(exchange);
  if (!body)
    return;
  self->request(parts_.configuration, edit_patience, atom::check_v, json_value{std::move(*body)})
      .then(
          [exchange](const change_result& result) {
            exchange->respond(result ? json_response({{"valid", true}})
                                     : refuse_body(result.mistakes));
          },
          fail_with_busy(exchange));
}

} // namespace tutti
