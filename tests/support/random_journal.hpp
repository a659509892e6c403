// Seeded journals of every shape that the format has, octet by octet and not by our encoders: R
// bits 0, LOW and HIGH as narrow as they can be, what means nothing 0. So a codec must give them
// back.
#pragma once

#include "tests/support/hex.hpp"

#include <random>

namespace tutti::test {

class random_journal {
public:
  explicit random_journal(std::uint64_t seed)
      : random_(seed) {}

  octets next() {
    auto system = chance(2) ? part(true) : octets();
    auto count = below(5) == 0 ? 16 : below(4);
    octets journal = {static_cast<std::uint8_t>((chance(2) ? 0x80 : 0) |
                                                (system.empty() ? 0 : 0x40) |
                                                (count > 0 ? 0x20 | (count - 1) : 0)),
                      octet(), octet()};
    append(journal, system);
    for (unsigned i = 0; i < count; ++i)
      append(journal, part(false, i));
    return journal;
  }

private:
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }
  bool chance(std::uint32_t of) { return below(of) == 0; }
  std::uint8_t octet() { return static_cast<std::uint8_t>(below(256)); }
  std::uint8_t data() { return static_cast<std::uint8_t>(below(128)); }
  std::uint8_t s() { return chance(2) ? 0x80 : 0; }
  static void append(octets& to, const octets& what) {
    to.insert(to.end(), what.begin(), what.end());
  }

  octets part(bool is_system, unsigned channel = 0) {
    octets body;
    unsigned contents = 0;
    const std::string letters = is_system ? "DVQFX" : "PCMWNETA";
    for (auto letter : letters) {
      contents <<= 1;
      if (!chance(3))
        continue;
      auto chapter = this->chapter(letter, is_system);
      if (body.size() + chapter.size() > 1000)
        continue;
      contents |= 1;
      append(body, chapter);
    }
    auto length = body.size() + (is_system ? 2 : 3);
    octets out;
    if (is_system)
      out = {static_cast<std::uint8_t>(s() | contents << 2 | length >> 8),
             static_cast<std::uint8_t>(length)};
    else
      out = {static_cast<std::uint8_t>(s() | channel << 3 | length >> 8),
             static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(contents)};
    append(out, body);
    return out;
  }

  octets list(std::size_t most) {
    auto logs = 1 + below(chance(10) ? static_cast<std::uint32_t>(most) : 4);
    octets out = {static_cast<std::uint8_t>(s() | (logs - 1))};
    for (unsigned i = 0; i < 2 * logs; ++i)
      out.push_back(octet());
    return out;
  }

  octets chapter(char letter, bool is_system) {
    switch (letter) {
    case 'P': {
      if (chance(2))
        return {octet(), 0, 0};
      return {octet(), static_cast<std::uint8_t>(0x80 | data()), octet()};
    }
    case 'C':
    case 'E':
    case 'A': return list(128);
    case 'M': return parameters();
    case 'W': return {octet(), data()};
    case 'N': return notes();
    case 'T': return {octet()};
    case 'D': return simple();
    case 'V': return {octet()};
    case 'Q': {
      auto head = octet();
      octets out = {head};
      for (auto i = ((head & 0x10) != 0 ? 2 : 0) + ((head & 0x08) != 0 ? 3 : 0); i > 0; --i)
        out.push_back(octet());
      return out;
    }
    case 'F': {
      auto head = octet();
      octets out = {head};
      for (auto i = ((head & 0x40) != 0 ? 4 : 0) + ((head & 0x20) != 0 ? 4 : 0); i > 0; --i)
        out.push_back(octet());
      return out;
    }
    default: return is_system ? sysex() : octets();
    }
  }

  octets parameters() {
    auto flags = octet() & 0xFC; // S P E U W Z
    auto is_short = (flags & 0x04) != 0 && (flags & 0x18) != 0;
    octets body;
    if ((flags & 0x40) != 0)
      body.push_back(octet());
    for (auto logs = below(4); logs > 0; --logs) {
      body.push_back(octet());
      if (!is_short)
        body.push_back(octet());
      auto fields = octet() & 0xFE;
      body.push_back(static_cast<std::uint8_t>(fields));
      if ((fields & 0x80) != 0)
        body.push_back(octet());
      if ((fields & 0x40) != 0)
        body.push_back(octet());
      if ((fields & 0x20) != 0)
        append(body, buttons(0xFF));
      if ((fields & 0x10) != 0)
        append(body, buttons(0xBF)); // a reserved bit
      if ((fields & 0x08) != 0)
        body.push_back(octet());
    }
    auto length = body.size() + 2;
    octets out = {static_cast<std::uint8_t>(flags | length >> 8),
                  static_cast<std::uint8_t>(length)};
    append(out, body);
    return out;
  }

  octets buttons(unsigned mask) {
    auto high = static_cast<std::uint8_t>(octet() & mask);
    auto low = octet();
    auto is_zero = (high & 0x3F) == 0 && low == 0; // which has no sign
    return {static_cast<std::uint8_t>(is_zero ? high & 0x7F : high), low};
  }

  octets notes() {
    auto logs = chance(20) ? 126 + below(3) : below(4);
    auto off_octets = logs < 126 && !chance(3) ? 1 + below(16) : 0;
    auto low = off_octets > 0 ? below(17 - off_octets) : 15;
    auto high = off_octets > 0 ? low + off_octets - 1 : logs == 128 ? 0 : 1;
    octets out = {static_cast<std::uint8_t>(s() | std::min(logs, 127u)),
                  static_cast<std::uint8_t>(low << 4 | high)};
    for (unsigned i = 0; i < 2 * logs; ++i)
      out.push_back(octet());
    for (unsigned i = 0; i < off_octets; ++i)
      out.push_back(
          static_cast<std::uint8_t>(i == 0 || i + 1 == off_octets ? 1 + below(255) : octet()));
    return out;
  }

  octets simple() {
    auto flags = octet();
    octets out = {flags};
    for (auto bit : {0x40, 0x20, 0x10})
      if ((flags & bit) != 0)
        out.push_back(octet());
    for (auto bit : {0x08, 0x04})
      if ((flags & bit) != 0) {
        octets body;
        auto fields = octet() & 0x70; // C V L
        if ((fields & 0x40) != 0)
          body.push_back(octet());
        if ((fields & 0x20) != 0)
          append(body, {data(), static_cast<std::uint8_t>(0x80 | data())});
        if ((fields & 0x10) != 0)
          append(body, {octet(), octet(), octet()});
        out.push_back(static_cast<std::uint8_t>(s() | fields | below(4) << 2));
        out.push_back(static_cast<std::uint8_t>(body.size() + 2));
        append(out, body);
      }
    for (auto bit : {0x02, 0x01})
      if ((flags & bit) != 0) {
        octets body;
        auto fields = octet() & 0x60; // C L
        if ((fields & 0x40) != 0)
          body.push_back(octet());
        if ((fields & 0x20) != 0)
          append(body, {octet(), octet()});
        out.push_back(static_cast<std::uint8_t>(s() | fields | (body.size() + 1)));
        append(out, body);
      }
    return out;
  }

  octets sysex() {
    octets out;
    for (auto logs = 1 + below(4); logs > 0; --logs) {
      auto head = octet();
      out.push_back(head);
      if ((head & 0x40) != 0)
        out.push_back(octet());
      if ((head & 0x20) != 0)
        out.push_back(octet());
      if ((head & 0x10) != 0) {
        auto more = below(4);
        for (auto i = more; i > 0; --i)
          out.push_back(
              static_cast<std::uint8_t>(0x80 | (i == more ? 1 + below(127) : below(128))));
        out.push_back(data());
      }
      if ((head & 0x08) != 0) {
        for (auto i = below(12); i > 0; --i)
          out.push_back(data());
        out.push_back(static_cast<std::uint8_t>(0x80 | data()));
      }
    }
    return out;
  }

  std::mt19937_64 random_;
};

} // namespace tutti::test
