/*
 * A client of `aeon serve` for very small devices: says something and prints the answer as it comes.
 *
 *     cc -std=c99 -O2 -o cbor-client cbor-client.c
 *     ./cbor-client HOST PORT TOKEN MESSAGE [SESSION]
 * Ends with 0 after the answer, 1 where the server says no, 2 where the connection is lost. No library, no malloc: frames
 * are read byte by byte and none is held, so they may be of any length. It takes 10 kB of static memory, most of it
 * TEXT_MAX, and 4 kB of stack. docs/cbor.md shows the bytes, and what is to be replaced to port it.
 */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, DEPTH_MAX = 16 }; /* the longest piece of an answer, and what may be nested */
enum { SILENT_SECONDS = 150 }; /* more than the server's idle_seconds, within which it pings: 60, or set to up to 960 */

static void fail(int code, const char *what, const char *more) {
	fflush(stdout);
	fprintf(stderr, "%s%s%s\n", what, more[0] ? ": " : "", more);
	exit(code);
}

/* ---- The network: bytes in, bytes out, chance ---- */
static int net = -1;
static void dial(const char *host, const char *port) {
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	struct timeval limit = { .tv_sec = SILENT_SECONDS };
	if (getaddrinfo(host, port, &hints, &all)) fail(2, "There is no such host or port", host);
	for (struct addrinfo *one = all; one && net < 0; one = one->ai_next) {
		net = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
		if (net >= 0 && connect(net, one->ai_addr, one->ai_addrlen)) net = (close(net), -1);
	}
	freeaddrinfo(all);
	if (net < 0) fail(2, "Nobody answers, is `aeon serve` running there?", host);
	setsockopt(net, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}
static uint8_t receive(void) {
	static uint8_t bytes[512];
	static ssize_t at, end; /* what came and was not asked for yet, also behind the handshake */
	if (at == end) at = 0, end = recv(net, bytes, sizeof bytes, 0);
	if (end <= 0) fail(2, "The connection is lost", "");
	return bytes[at++];
}
static void transmit(const void *bytes, size_t size) {
	ssize_t sent;
	for (const char *at = bytes, *end = at + size; at < end; at += sent)
		if ((sent = send(net, at, (size_t)(end - at), MSG_NOSIGNAL)) <= 0) fail(2, "The connection is lost", "");
}
static void fill_with_chance(uint8_t *into, size_t size) {
	FILE *source = fopen("/dev/urandom", "rb");
	if (!source || fread(into, 1, size, source) != size) fail(1, "/dev/urandom cannot be read", "");
	fclose(source);
}

/* ---- WebSocket (RFC 6455) ---- */
static uint64_t left;                              /* bytes of the frame that is being read */
static int is_last;                                /* no other frame continues its message */
static uint8_t piece[125], piece_size, opcode = 2; /* of the message that is being sent */
static void send_frame(uint8_t first, const uint8_t *bytes, uint8_t size) { /* section 5.2 */
	uint8_t frame[6 + 125] = { first, 0x80 | size };
	fill_with_chance(frame + 2, 4); /* section 5.3: what a client sends is masked */
	for (uint8_t at = 0; at < size; at++) frame[6 + at] = bytes[at] ^ frame[2 + (at & 3)];
	transmit(frame, 6u + size);
}
static void put(uint8_t byte) { /* a long message goes in pieces (section 5.4), so that its length need not be known */
	if (piece_size == sizeof piece) send_frame(opcode, piece, piece_size), opcode = 0, piece_size = 0;
	piece[piece_size++] = byte;
}
static void end_message(void) { send_frame(0x80 | opcode, piece, piece_size), opcode = 2, piece_size = 0; }
static void next_frame(void) { /* of a message; pings come between and are answered here (section 5.5.3) */
	for (;;) {
		uint8_t first = receive(), size = receive(), kind = first & 15, control[125];
		int more = size == 126 ? 2 : size == 127 ? 8 : 0;
		for (left = more ? 0 : size; more > 0; more--) left = left << 8 | receive();
		if ((first & 0x70) || size > 127 || kind == 1) fail(1, "The server does not speak aeon.v1.cbor", "");
		if (kind == 8) fail(2, "The connection is lost, the server has closed it", "");
		if (kind < 8) { is_last = first >> 7; return; }
		if (left > sizeof control) fail(1, "The server breaks the rules of WebSocket", "");
		for (size = 0; left > 0; left--) control[size++] = receive();
		if (kind == 9) send_frame(0x80 | 10, control, size);
	}
}
static uint8_t get(void) { /* the next byte of a message */
	while (left == 0) is_last ? fail(1, "The server sent half a message", "") : next_frame();
	return left--, receive();
}

/* ---- CBOR (RFC 8949 section 3) ---- */
struct head { int major; uint64_t number; }; /* of a text, list or map the number says how long; of a float, nothing */
/* What is kept of a message: texts, by the keys that lead there. The rest is passed over, in whatever order it comes. */
static char type[16], id[32], event[24], code[32], message[240], run[64], own_run[64], session[520], text[TEXT_MAX];
#define FIELD(path, into) { path, into, sizeof into, 0 }
static struct { const char *path; char *into; size_t size; uint64_t length; } fields[] = {
	FIELD(".data.text", text), FIELD(".type", type), FIELD(".id", id), FIELD(".event", event), FIELD(".code", code),
	FIELD(".message", message), FIELD(".data.code", code), FIELD(".data.message", message), FIELD(".data.runId", run),
	FIELD(".data.command", message), FIELD(".payload.runId", run), FIELD(".payload.sessionKey", session), { "", id, 0, 0 },
};
enum { FIELDS = sizeof fields / sizeof fields[0] - 1 }; /* the one behind them takes what is not kept */
static void put_head(int major, uint64_t number) {
	int size = number < 24 ? 0 : number < 256 ? 1 : number < 65536 ? 2 : number < 4294967296u ? 4 : 8;
	put((uint8_t)(major << 5 | (size == 0 ? (int)number : size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27)));
	while (size-- > 0) put((uint8_t)(number >> 8 * size));
}
static void put_text(const char *said) {
	for (put_head(3, strlen(said)); *said; said++) put((uint8_t)*said);
}
static struct head get_head(void) {
	uint8_t byte = get(), info = byte & 31;
	struct head head = { byte >> 5, info < 24 ? info : 0 };
	if (info > 27) fail(1, "The server sent no CBOR, or an open length, which it never does", "");
	for (int size = info < 24 ? 0 : 1 << (info - 24); size > 0; size--) head.number = head.number << 8 | get();
	return head;
}
static void get_text(uint64_t length, char *into, size_t size) { /* keeps what there is room for, and a zero */
	for (uint64_t at = 0; at < length; at++) { char byte = (char)get(); if (at + 1 < size) into[at] = byte; }
	if (size > 0) into[length < size ? length : size - 1] = 0;
}
static void get_value(const char *path, int depth) {
	struct head head = get_head(), key;
	char below[40] = "[]";
	size_t at = 0;
	if (depth > DEPTH_MAX) fail(1, "The server sent what is nested too deep", "");
	if (head.major == 6) get_value(path, depth + 1); /* a tag: its value comes after it */
	if (head.major == 2 || head.major == 3) {
		while (at < FIELDS && strcmp(fields[at].path, path)) at++;
		get_text(head.number, fields[at].into, fields[at].size);
		fields[at].length = head.number;
	}
	for (; (head.major == 4 || head.major == 5) && head.number > 0; head.number--) {
		if (head.major == 5) { /* a key that is a number leads nowhere */
			key = get_head(), at = (size_t)snprintf(below, sizeof below, "%.30s.", path);
			get_text(key.major == 3 ? key.number : 0, below + at, sizeof below - at);
		}
		get_value(below, depth + 1);
	}
}
static void get_message(void) {
	for (size_t at = 0; at < FIELDS; at++) fields[at].into[0] = 0, fields[at].length = 0;
	for (next_frame(), get_value("", 0); left > 0 || !is_last;) left > 0 ? (void)get() : next_frame();
}

/* ---- Aeon's protocol (docs/protocol.md) ---- */
static void put_start(const char *name, const char *method, uint64_t params) { /* { id, method, params: { … */
	put_head(5, 3), put_text("id"), put_text(name), put_text("method"), put_text(method), put_text("params");
	put_head(5, params);
}
static void say(const char *words, const char *in_session) {
	put_start("send", "agent.send", in_session ? 2 : 1), put_text("message"), put_text(words);
	if (in_session) put_text("sessionKey"), put_text(in_session);
	end_message();
}
static void subscribe(void) { /* to the session, and to what was told of this run before */
	put_start("subscribe", "events.subscribe", 2), put_text("sessionKeys"), put_head(4, 1), put_text(session);
	put_text("after"), put_head(5, 1), put_text(own_run), put_head(0, 0);
	end_message();
}
static void shake_hands(const char *host, const char *port, const char *token) { /* RFC 6455 section 4.1 */
	const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char line[1024], key[22] = "", *v6 = strchr(host, ':'); /* the key is 16 bytes in base64, with the A== below */
	fill_with_chance((uint8_t *)key, 21);
	for (int at = 0; at < 21; at++) key[at] = letters[key[at] & 63];
	int size = snprintf(line, sizeof line, "GET /ws HTTP/1.1\r\nHost: %s%s%s:%s\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: aeon.v1.cbor\r\n"
		"Sec-WebSocket-Key: %sA==\r\nAuthorization: Bearer %s\r\n\r\n", v6 ? "[" : "", host, v6 ? "]" : "", port, key, token);
	size < (int)sizeof line ? transmit(line, (size_t)size) : fail(1, "HOST or TOKEN is too long", "");
	for (int count = 0, at = 1; at > 0; count++) { /* what comes behind the empty line are frames */
		for (at = 0; (line[at] = (char)receive()) != '\n';) if (line[at] != '\r' && at < 1000) at++;
		line[at] = 0;
		if (count == 0 && !strstr(line, " 101 "))
			fail(1, line, strstr(line, " 401 ") ? "TOKEN is the server's server.token, else in its ~/.aeon/token" :
				strstr(line, " 403 ") ? "name HOST in server.hosts of the server's aeon.json" : "try again later");
	}
}
int main(int count, char **words) {
	static uint64_t printed;
	if (count < 5 || count > 6) fail(1, "cbor-client HOST PORT TOKEN MESSAGE [SESSION]", "");
	dial(words[1], words[2]), shake_hands(words[1], words[2], words[3]), say(words[4], words[5]);
	for (int is_listening = 0;;) {
		get_message();
		if (!strcmp(type, "error")) fail(1, code, strcmp(code, "PARSE_ERROR") ? message : "MESSAGE and SESSION have to be UTF-8");
		if (!strcmp(id, "send")) strcpy(own_run, run), subscribe();
		if (!strcmp(id, "subscribe")) is_listening = 1; /* before, events may be of others, or come again */
		if (is_listening && !strcmp(event, "approval.requested")) fprintf(stderr, "A person is asked: %s\n", message);
		if (!is_listening || strcmp(run, own_run)) continue;
		if (!strcmp(event, "agent.error")) fail(1, code, message);
		if (!strcmp(event, "agent.done")) break;
		if (strcmp(event, "agent.delta")) continue;
		if (fields[0].length >= TEXT_MAX) fail(1, "A piece of the answer is longer than TEXT_MAX", "");
		printed += fwrite(text, 1, fields[0].length, stdout), fflush(stdout);
	}
	if (printed != fields[0].length) fail(2, "\nPieces of the answer were lost", "");
	return putchar('\n') == '\n' ? 0 : 1;
}
