#include "cli/manual.hpp"

#include "cli/roff.hpp"
#include "config/schema.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <memory>

namespace tutti::cli {

namespace {

using json = nlohmann::ordered_json; // in the order of the file

/// Where references point.
constexpr const char* definitions_pointer = "#/definitions/";

// -- tutti(1) -----------------------------------------------------------------------

std::string spelling_of(const CLI::Option& option) {
  std::string out;
  auto add = [&](const std::string& name) { out += (out.empty() ? "" : ", ") + name; };
  for (const auto& name : option.get_snames())
    add('-' + name);
  for (const auto& name : option.get_lnames())
    add("--" + name);
  return out.empty() ? option.get_name(true) : out;
}

/// The argument that it takes. CLI11 appends to its name, after a colon, what is checked; names
/// have colons of their own.
std::string argument_of(const CLI::Option& option) {
  if (option.get_positional() && option.get_lnames().empty())
    return "";
  auto name = option.get_type_name();
  for (auto check : {":{", ":INT", ":FILE"})
    name = name.substr(0, name.find(check));
  return option.get_items_expected_max() > 0 || name.empty() ? name : "[=" + name + ']';
}

std::string explanation_of(const CLI::Option& option) {
  auto text = option.get_description() + '.';
  auto type = option.get_type_name();
  if (auto words = type.find('{'); words != type.npos)
    text += " One of " + type.substr(words + 1, type.size() - words - 2) + '.';
  return text;
}

std::string usage_of(const CLI::App& command) {
  std::string out = command.get_name();
  if (command.get_parent())
    out = command.get_parent()->get_name() + ' ' + out;
  std::string arguments;
  auto options = false;
  for (auto option : command.get_options()) {
    if (!option->get_lnames().empty() || !option->get_snames().empty()) {
      options = true;
      continue;
    }
    auto name = option->get_name(true);
    if (option->get_items_expected_max() > 1)
      name += "...";
    arguments += option->get_required() ? ' ' + name : " [" + name + ']';
  }
  return out + (options ? " [OPTION]..." : "") + arguments;
}

void write_options(roff_page& page, const CLI::App& command) {
  for (auto option : command.get_options())
    if (!option->get_group().empty())
      page.term(spelling_of(*option), argument_of(*option), explanation_of(*option));
}

void write_commands(roff_page& page, const CLI::App& app) {
  for (auto command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty())
      continue; // hidden
    page.subheading(usage_of(*command));
    page.paragraph(command->get_description() + '.');
    write_options(page, *command);
    write_commands(page, *command);
  }
}

// -- tutti.json(5) --------------------------------------------------------------------

std::string target_of(const json& node) {
  return node["$ref"].get<std::string>().substr(std::string(definitions_pointer).size());
}

std::string joined(const json& list) {
  std::string out;
  for (const auto& item : list)
    out += (out.empty() ? "" : ", ") + item.dump();
  return out;
}

std::string range_of(const json& node) {
  if (!node.contains("minimum") || !node.contains("maximum"))
    return "";
  return ' ' + node["minimum"].dump() + " to " + node["maximum"].dump();
}

/// What may stand there, in a few words.
std::string kind_of(const json& node) {
  if (node.contains("$ref"))
    return target_of(node);
  if (node.contains("enum"))
    return "one of " + joined(node["enum"]);
  if (node.contains("anyOf")) {
    std::string out;
    for (const auto& option : node["anyOf"])
      out += (out.empty() ? "" : " or ") + kind_of(option);
    return out;
  }
  if (!node.contains("type") || !node["type"].is_string())
    return "value";
  auto type = node["type"].get<std::string>();
  if (type == "array")
    return "list" + (node.contains("items") ? " of " + kind_of(node["items"]) : "");
  if (type == "integer")
    return "whole number" + range_of(node);
  if (type == "number")
    return "number" + range_of(node);
  return type;
}

/// A sentence out of a title; nothing if it only repeats the key.
std::string title_of(const json& node, const std::string& key) {
  auto title = node.value("title", "");
  auto same = [](char a, char b) { return a == b || (a == ' ' && b == '_'); };
  if (title.empty() || std::equal(title.begin(), title.end(), key.begin(), key.end(), same))
    return "";
  title.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(title.front())));
  return title + '.';
}

std::string explanation_of(const json& node, const std::string& key) {
  std::string out;
  auto add = [&](const std::string& text) {
    if (!text.empty())
      out += (out.empty() ? "" : "\n") + text;
  };
  add(title_of(node, key));
  if (node.contains("description"))
    add(node["description"].get<std::string>());
  if (node.contains("default"))
    add("Default: " + node["default"].dump() + '.');
  if (node.contains("examples"))
    add("Examples: " + joined(node["examples"]) + '.');
  return out;
}

void write_properties(roff_page& page, const json& schema, const json& object) {
  for (const auto& [key, property] : object["properties"].items()) {
    if (key == "$comment")
      continue;
    auto text = explanation_of(property, key);
    if (text.empty() && property.contains("$ref"))
      text = explanation_of(schema["definitions"][target_of(property)], key);
    page.term(key, '(' + kind_of(property) + ')', text);
  }
}

/// The objects that a node may be: itself, or those among its choices.
void write_objects(roff_page& page, const json& schema, const json& node) {
  if (node.contains("properties"))
    write_properties(page, schema, node);
  for (auto choices : {"anyOf", "oneOf"})
    if (node.contains(choices))
      for (const auto& choice : node[choices])
        if (choice.contains("properties"))
          write_properties(page, schema, choice);
}

void write_definitions(roff_page& page, const json& schema) {
  for (const auto& [name, node] : schema["definitions"].items()) {
    page.subheading(name);
    auto text = explanation_of(node, name);
    auto kind = node.contains("properties") ? std::string("object") : kind_of(node);
    page.paragraph(std::string("This is: ").append(kind).append(".\n").append(text));
    write_objects(page, schema, node);
  }
}

} // namespace

std::string command_manual(const CLI::App& app, const std::string& version) {
  roff_page page("tutti", 1, "Tutti " + version, "User Commands");
  page.name("tutti", "network MIDI hub");
  page.heading("Synopsis");
  page.paragraph("tutti COMMAND [OPTION]...");
  page.heading("Description");
  page.paragraph(app.get_description());
  page.heading("Options");
  write_options(page, app);
  page.heading("Commands");
  write_commands(page, app);
  page.heading("Notes");
  page.verbatim(app.get_footer());
  page.heading("Files");
  page.term("/etc/tutti/tutti.json", "",
            "The configuration that the service reads; tutti.json(5).");
  page.term("/var/lib/tutti", "", "What the service keeps: changes made while it ran.");
  page.heading("See also");
  page.paragraph("tutti.json(5), systemctl(1), journalctl(1)");
  return page.text();
}

std::string configuration_manual(const std::string& version) {
  auto schema = json::parse(config::schema_text());
  roff_page page("tutti.json", 5, "Tutti " + version, "File Formats");
  page.name("tutti.json", "configuration of the Tutti MIDI hub");
  page.heading("Description");
  page.paragraph(schema["description"].get<std::string>());
  page.paragraph(
      "The file is JSON. Unknown keys are mistakes. 'tutti check FILE' tells every mistake "
      "at once, 'tutti schema' prints the JSON Schema that this page is made from.");
  page.heading("Keys");
  write_properties(page, schema, schema);
  page.heading("Values");
  page.paragraph("The names in parentheses, above and here, are explained here.");
  write_definitions(page, schema);
  page.heading("See also");
  page.paragraph("tutti(1)");
  return page.text();
}

void add_manual_command(CLI::App& app, int& result) {
  auto page = std::make_shared<std::string>();
  auto command = app.add_subcommand("manual", "Print a man page")->group("");
  command->add_option("PAGE", *page, "Which one")
      ->required()
      ->check(CLI::IsMember({"tutti.1", "tutti.json.5"}));
  command->callback([&app, &result, page] {
    auto text = *page == "tutti.1" ? command_manual(app, TUTTI_VERSION)
                                   : configuration_manual(TUTTI_VERSION);
    result = std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
  });
}

} // namespace tutti::cli
