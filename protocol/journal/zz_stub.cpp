#include "protocol/journal/journal_receiver.hpp"
#include "protocol/journal/journal_sender.hpp"
namespace tutti::protocol {
void midi_state::apply(const ump&, std::uint32_t){} bool midi_state::holds_notes() const noexcept {return false;}
journal_receiver::journal_receiver(journal_receiver_options o):options_(o){} journal_receiver::~journal_receiver()=default;
journal_receiver::journal_receiver(journal_receiver&&) noexcept=default; journal_receiver& journal_receiver::operator=(journal_receiver&&) noexcept=default;
void journal_receiver::deliver(const ump&, std::uint32_t){} open_sysex journal_receiver::repair(byte_view,const packet_arrival&,bool,hub_time,std::vector<event>&,repair_counters&,decode_error_counters&){return open_sysex::untouched;}
class channel_history{}; class system_history{};
journal_sender::journal_sender(journal_sender_options o):options_(o){} journal_sender::~journal_sender()=default; journal_sender::journal_sender(journal_sender&&) noexcept=default; journal_sender& journal_sender::operator=(journal_sender&&) noexcept=default;
void journal_sender::record(const ump&,std::uint32_t){} std::size_t journal_sender::encode(std::span<std::uint8_t>,std::uint32_t,hub_time){return 0;}
void journal_sender::acknowledge(std::uint32_t){} bool journal_sender::empty() const noexcept{return true;} bool journal_sender::worth_guarding() const noexcept{return false;}
}
