// Written by Privet from its rules. What a PAC cannot see (programs, users, lists, resolved names) Privet decides itself.
var ASK = $ASK;
var REFUSE = $REFUSE;
var OWN_NAMES = $OWN_NAMES;
var OWN_PORTS = $OWN_PORTS;
var OWN_SOCKETS = $OWN_SOCKETS;
var RULES = $RULES;

function FindProxyForURL(url, host) {
  var name = plain(host), ip = ipv4(name) || ipv6(name), port = portOf(String(url));
  if (ip ? isLoopback(ip) : isLocalhost(name)) return "DIRECT";
  if (isOwn(name, ip, port)) return "DIRECT";
  if (!ip && !isName(name)) return ASK;
  for (var i = 0; i < RULES.length; i++) {
    var found = look(RULES[i], name, ip, port);
    if (found === MAYBE) return ASK;
    if (found === YES) return RULES[i].then === 1 ? "DIRECT" : RULES[i].then === 2 ? REFUSE : ASK;
  }
  return ASK;
}

var NO = 0, YES = 1, MAYBE = 2;

function look(rule, name, ip, port) {
  if (rule.port) {
    if (port < 0) return MAYBE;
    if (!inRanges(rule.port, port)) return NO;
  }
  if (rule.domain && !(ip ? inNets(rule.domainIp, ip) : has(rule.domain, name))) return NO;
  if (rule.suffix && !(ip ? inNets(rule.suffixIp, ip) : hasAbove(rule.suffix, name))) return NO;
  if (rule.ip) {
    if (!ip) return MAYBE;
    if (!inNets(rule.ip, ip) && !inNets(rule.ip, reached(ip))) return NO;
  }
  return rule.more ? MAYBE : YES;
}

function plain(host) {
  host = String(host).toLowerCase();
  if (host.charAt(0) === "[" && host.charAt(host.length - 1) === "]") host = host.substring(1, host.length - 1);
  if (host.charAt(host.length - 1) === ".") host = host.substring(0, host.length - 1);
  return host;
}

function isName(name) {
  return /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name) && !/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name);
}

function isLocalhost(name) {
  return name === "localhost" || /\.localhost$/.test(name);
}

function isLoopback(ip) {
  if (ip.length === 4) return ip[0] === 127;
  for (var i = 0; i < 15; i++) if (ip[i] !== 0) return false;
  return ip[15] === 1;
}

// A connection to the unspecified address reaches loopback, one to a NAT64 address the IPv4 address in it.
function reached(ip) {
  if (inNet(NAT64, ip)) return ip.slice(12);
  for (var i = 0; i < ip.length; i++) if (ip[i] !== 0) return ip;
  return ip.length === 4 ? [127, 0, 0, 1] : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
}

var NAT64 = [0, 100, 255, 155, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 96];

function isOwn(name, ip, port) {
  if (!ip) return has(OWN_NAMES, name) && inRanges(OWN_PORTS, port);
  for (var i = 0; i < OWN_SOCKETS.length; i++)
    if (OWN_SOCKETS[i][1] === port && inNets([OWN_SOCKETS[i][0]], ip)) return true;
  return false;
}

// Keys have a mark before them, so that no name is one that every object has.
function has(names, name) {
  return names["~" + name] === 1;
}

function hasAbove(names, name) {
  for (;;) {
    if (has(names, name)) return true;
    var dot = name.indexOf(".");
    if (dot < 0) return false;
    name = name.substring(dot + 1);
  }
}

function inRanges(ranges, port) {
  for (var i = 0; i < ranges.length; i++) if (port >= ranges[i][0] && port <= ranges[i][1]) return true;
  return false;
}

// A net is its bytes and behind them the length of its prefix.
function inNets(nets, ip) {
  for (var i = 0; i < nets.length; i++) if (inNet(nets[i], ip)) return true;
  return false;
}

function inNet(net, ip) {
  if (net.length !== ip.length + 1) return false;
  var bits = net[ip.length];
  for (var i = 0; bits > 0; i++, bits -= 8) {
    var rest = bits >= 8 ? 0 : 8 - bits;
    if (net[i] >> rest !== ip[i] >> rest) return false;
  }
  return true;
}

function ipv4(text) {
  var parts = text.split(".");
  if (parts.length !== 4) return null;
  for (var i = 0; i < 4; i++) {
    if (!/^(0|[1-9]\d?\d?)$/.test(parts[i]) || parts[i] > 255) return null;
    parts[i] = +parts[i];
  }
  return parts;
}

function ipv6(text) {
  if (text.indexOf(":") < 0) return null;
  var cut = text.lastIndexOf(":") + 1, four = ipv4(text.substring(cut));
  if (four) text = text.substring(0, cut) + hex(four[0], four[1]) + ":" + hex(four[2], four[3]);
  var halves = text.split("::");
  var words = wordsOf(halves[0]), tail = halves.length === 2 ? wordsOf(halves[1]) : [];
  if (halves.length > 2 || !words || !tail) return null;
  var missing = 8 - words.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  for (; missing > 0; missing--) words.push(0);
  return bytesOf(words.concat(tail));
}

function hex(high, low) {
  return (high * 256 + low).toString(16);
}

function wordsOf(text) {
  if (text === "") return [];
  var words = text.split(":");
  for (var i = 0; i < words.length; i++) {
    if (!/^[0-9a-f]{1,4}$/.test(words[i])) return null;
    words[i] = parseInt(words[i], 16);
  }
  return words;
}

// An IPv4-mapped address is the IPv4 one.
function bytesOf(words) {
  var bytes = [], mapped = words[5] === 65535, i;
  for (i = 0; i < 5; i++) mapped = mapped && words[i] === 0;
  for (i = mapped ? 6 : 0; i < 8; i++) bytes.push(words[i] >> 8, words[i] & 255);
  return bytes;
}

function portOf(url) {
  var parts = /^([a-z][a-z0-9+.-]*):\/\/([^\/?#]*)/i.exec(url);
  if (!parts) return -1;
  var port = /:(\d{1,5})$/.exec(parts[2]);
  if (port) return +port[1];
  var usual = { "~http": 80, "~ws": 80, "~https": 443, "~wss": 443, "~ftp": 21 }["~" + parts[1].toLowerCase()];
  return usual || -1;
}
