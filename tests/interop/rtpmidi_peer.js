#!/usr/bin/env node
// A peer driven by npm's rtpmidi, an implementation that shares nothing with ours.
//
//   rtpmidi_peer.js --name NAME --port PORT [--ssrc N] [--ipv6] [--join HOST:PORT]
//
// PORT is even, and PORT + 1 is taken too. With --join it invites that session, else it waits to be invited.
// Every line of stdin is sent as one packet: MIDI messages in hex, separated by blanks, such as "903c40 b04001".
// Lines that come before the first peer is synchronised wait for it. At the end of stdin it says goodbye and ends.
//
// stdout, one line each:
//   listening PORT        connected NAME        synchronised NAME        disconnected NAME
//   midi HEX              a message arrived
//
// What this package does its own way, and a test must allow for:
//   it picks its control or data socket by whether the other's port is even;
//   it waits 1.5 s before its first invitation and again before its first clock exchange;
//   as the invited side it sends nothing until it has made a clock exchange of its own, which it does after the
//   first CK2 it gets; two of them therefore exchange CKs without pause;
//   all commands of one packet have delta 0; a one-octet command at the end of a packet is not read;
//   SysEx in segments is not read.
'use strict';

const readline = require('readline');
const { parseArgs } = require('util');

// Its log must not mix with our lines on stdout, and starts when the package is loaded.
require('rtpmidi/src/logger').silent = true;
const { Session } = require('rtpmidi');

const { values: options } = parseArgs({
  options: {
    name: { type: 'string' },
    port: { type: 'string' },
    ssrc: { type: 'string' },
    ipv6: { type: 'boolean', default: false },
    join: { type: 'string' },
  },
});

const print = (line) => process.stdout.write(`${line}\n`);
const hex = (bytes) => Buffer.from(bytes).toString('hex');

const session = new Session(
  Number(options.port), options.name, options.name,
  options.ssrc ? Number(options.ssrc) : undefined, false, options.ipv6 ? 6 : 4,
);

const waiting = []; // lines read before somebody is there to hear them
let heard = false;

function send(line) {
  const now = Date.now() * 10;
  line.trim().split(/\s+/).forEach((message) => {
    session.sendMessage(now, [...Buffer.from(message, 'hex')]);
  });
}

session.on('error', (error) => {
  process.stderr.write(`${options.name}: ${error.message}\n`);
  process.exit(1);
});
session.on('ready', () => {
  print(`listening ${options.port}`);
  if (options.join) {
    const [, host, port] = options.join.match(/^\[?(.+?)\]?:(\d+)$/);
    session.connect({ address: host, addressV6: host, port: Number(port) });
  }
});
session.on('streamAdded', ({ stream }) => {
  print(`connected ${stream.name.replace(/\0.*/s, '')}`);
  const check = () => {
    if (stream.latency === null || stream.timeDifference === null) return;
    stream.removeListener('control-message', check);
    print(`synchronised ${stream.name.replace(/\0.*/s, '')}`);
    heard = true;
    waiting.splice(0).forEach(send);
  };
  stream.on('control-message', check);
});
session.on('streamRemoved', ({ stream }) => print(`disconnected ${stream.name.replace(/\0.*/s, '')}`));
session.on('message', (delta, message) => print(`midi ${hex(message)}`));

readline.createInterface({ input: process.stdin })
  .on('line', (line) => (heard ? send(line) : waiting.push(line)))
  .on('close', () => session.end(() => process.exit(0)));

session.start();
