/* The crowd of the fan-out benchmark: many WebSocket clients on one core, cheap enough not to be the limit.
 *
 *   generator run port=N path=/… sockets=N speakers=N rate=N say=TEXT … (see `options`)
 *   generator parse now_us=N from_us=N until_us=N chunk=N < bytes a server sent
 *
 * Open loop: comment i is due at start + i/rate and carries that moment (CLOCK_MONOTONIC, µs) after MARK, so a slow
 * server, or a slow generator, cannot hide a delay. A frame may carry many comments: comments, frames and bytes are
 * counted apart. Frames are read only as far as needed: head, length, marks. While it is busy for most of the time it
 * rests after each look at all sockets as long as the look took, 20 ms at most: the next look finds several frames in a
 * read, and a time is told at most a look and a rest too late, never too early. `run` says "joined", waits for a line on stdin, says "begin" and "end" around
 * the measured time, then prints one JSON object. Exit status: 0 good, 3 refused since this process was busy for
 * `busy_max` of the time or more (its figures are then its own), 1 could not be done.
 * `parse` reads bytes from stdin as if they came from a socket: what the tests of the reader and the histogram use. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clocks.h"
#include "counting.h"

#define ROOM_BYTES (8 << 20)         /* one frame and what came with it; a tick of 200 ms is below 1 MB */
#define UNSENT_BYTES_MAX (1 << 20)   /* a speaker whose server reads nothing: more is not said, and counted */
#define JOINS_AT_ONCE 40             /* handshakes on their way: liveroom lets in as many a slot of 20 ms */
#define JOIN_WAIT_MS 15000           /* for one handshake and hello to make room for the next */
#define EVENTS_A_LOOK 4096           /* sockets a look; when more are ready it goes on without a rest */
#define SOCKETS_PER_GLANCE 64        /* read before due comments are looked at again; some 0.2 ms */
#define SAID_AT_ONCE_MAX 16          /* of many that are due: reading must go on */

static struct options {
    long port, sockets, speakers, rooms, warmup_ms, window_ms, drain_ms, now_us, from_us, until_us, chunk;
    double rate, busy_max;
    const char *path, *protocol, *hello_file, *joined, *say;
} o = {.speakers = 1, .rooms = 1, .warmup_ms = 1000, .window_ms = 4000, .drain_ms = 3000, .chunk = 1 << 16, .rate = 1,
       .busy_max = 0.9, .path = "/", .protocol = "", .hello_file = "", .joined = "", .say = ""};

struct viewer {
    int fd;                          /* -1 once lost */
    int upgraded, joined;
    char *hello;                     /* what is said after the upgrade */
    uint8_t *held, *unsent;          /* an unfinished frame; what the server did not take yet */
    size_t held_bytes, unsent_bytes;
};

static struct viewer *viewers;
static uint8_t *room;
static int loop_fd;
static long joined;
static uint64_t published, unsaid, lost, reads;

/* -- sending ------------------------------------------------------------------------------------------------------- */

static const uint8_t MASK[4] = {0x5a, 0x13, 0xc7, 0x2e};

/* A masked text frame (or pong) around `size` bytes; returns its length. */
static size_t make_frame(uint8_t *out, int opcode, const void *payload, size_t size) {
    size_t head = 2;
    out[0] = 0x80 | opcode;
    if (size < 126) out[1] = 0x80 | size;
    else if (size < 65536) out[1] = 0x80 | 126, out[2] = size >> 8, out[3] = size & 255, head = 4;
    else die("a message of %zu bytes", size);
    memcpy(out + head, MASK, 4);
    for (size_t i = 0; i < size; i++) out[head + 4 + i] = ((const uint8_t *)payload)[i] ^ MASK[i & 3];
    return head + 4 + size;
}

/* Told once of what comes in (edge): `read_from` leaves nothing behind. */
static void watch(struct viewer *v, int operation, uint32_t what) {
    struct epoll_event event = {.events = what | EPOLLET, .data.ptr = v};
    if (epoll_ctl(loop_fd, operation, v->fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

static void lose(struct viewer *v) {
    if (v->fd >= 0) close(v->fd), v->fd = -1, lost++;
}

/* Sends, or keeps for later what the server does not take now. False when too much waits already. */
static int put(struct viewer *v, const uint8_t *data, size_t size) {
    if (v->fd < 0 || v->unsent_bytes + size > UNSENT_BYTES_MAX) return 0;
    ssize_t sent = v->unsent_bytes ? 0 : send(v->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) sent = 0;          /* a broken line is noticed when it is read */
    if ((size_t)sent == size) return 1;
    if (!v->unsent_bytes) watch(v, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    v->unsent = grown(v->unsent, v->unsent_bytes + size - sent);
    memcpy(v->unsent + v->unsent_bytes, data + sent, size - sent);
    v->unsent_bytes += size - sent;
    return 1;
}

static void put_rest(struct viewer *v) {
    ssize_t sent = send(v->fd, v->unsent, v->unsent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) return;
    v->unsent_bytes -= sent;
    memmove(v->unsent, v->unsent + sent, v->unsent_bytes);
    if (!v->unsent_bytes) watch(v, EPOLL_CTL_MOD, EPOLLIN);
}

static void greet(struct viewer *v) {
    uint8_t frame[8192];
    if (v->hello && strlen(v->hello) > sizeof frame - 16) die("a hello of %zu bytes", strlen(v->hello));
    if (v->hello) put(v, frame, make_frame(frame, 1, v->hello, strlen(v->hello)));
    free(v->hello), v->hello = NULL;
}

static void let_in(struct viewer *v) {
    v->joined = 1, joined++;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

static void take_frame(struct viewer *v, int opcode, uint8_t *payload, size_t size, size_t frame_bytes, uint64_t now) {
    if (opcode == 8) {
        lose(v);
    } else if (opcode == 9) {
        uint8_t pong[256];
        put(v, pong, make_frame(pong, 10, payload, size < 126 ? size : 125));
    } else if (opcode < 8 && v->joined) {
        count_frame(payload, size, frame_bytes, now);
    } else if (opcode < 8 && memmem(payload, size, o.joined, strlen(o.joined))) {
        let_in(v);
    }
}

/* Takes the whole frames at the start of `data`; returns how many bytes that were. */
static size_t take_frames(struct viewer *v, uint8_t *data, size_t size, uint64_t now) {
    size_t at = 0;
    while (size - at >= 2 && v->fd >= 0) {
        uint8_t *head = data + at;
        size_t length = head[1] & 0x7f, start = 2;
        if (head[1] & 0x80) die("a masked frame from the server");
        if (length >= 126) {
            start = length == 126 ? 4 : 10;
            if (size - at < start) break;
            length = 0;
            for (size_t i = 2; i < start; i++) length = length << 8 | head[i];
            if (length > ROOM_BYTES / 2) die("a frame of %zu bytes", length);
        }
        if (size - at < start + length) break;
        take_frame(v, head[0] & 15, head + start, length, start + length, now);
        at += start + length;
    }
    return at;
}

/* `room` holds `size` bytes of this viewer, from where the last whole frame ended. */
static void take(struct viewer *v, size_t size, uint64_t now) {
    size_t used = 0;
    if (!v->upgraded) {
        uint8_t *end = memmem(room, size, "\r\n\r\n", 4);
        if (end) {
            if (size < 12 || memcmp(room + 9, "101", 3)) die("no upgrade: %.*s", (int)(end - room), room);
            used = end + 4 - room;
            v->upgraded = 1;
            if (!*o.joined) let_in(v);
            greet(v);
        }
    }
    if (v->upgraded) used += take_frames(v, room + used, size - used, now);
    v->held_bytes = size - used;
    if (v->held_bytes) {
        v->held = grown(v->held, v->held_bytes);
        memcpy(v->held, room + used, v->held_bytes);
    }
}

/* All that is there, as a rule in one call: a read that does not fill the room has emptied the socket. */
static void read_from(struct viewer *v) {
    size_t space;
    ssize_t got;
    do {
        if (v->held_bytes) memcpy(room, v->held, v->held_bytes);
        got = recv(v->fd, room + v->held_bytes, space = ROOM_BYTES - v->held_bytes, MSG_DONTWAIT);
        uint64_t now = clock_us();
        reads += now >= from_us && now < until_us;
        if (got > 0) take(v, v->held_bytes + got, now);
        else if (got == 0 || (errno != EAGAIN && errno != EINTR)) lose(v);
    } while (v->fd >= 0 && ((size_t)got == space || (got < 0 && errno == EINTR)));
}

/* -- the run ------------------------------------------------------------------------------------------------------- */

static int timer_fd;
static uint64_t start_us, said, looked_us;  /* since when; comments said or not sayable; looking since the last rest */

static void say_what_is_due(void);

/* One look at all sockets; true when it saw all that were ready. Adds what it took, waiting not counted, to `looked_us`. */
static int look(int wait_ms) {
    static struct epoll_event events[EVENTS_A_LOOK];
    int ready = epoll_wait(loop_fd, events, EVENTS_A_LOOK, wait_ms);
    uint64_t began_us = clock_us();
    for (int i = 0; i < ready; i++) {
        struct viewer *v = events[i].data.ptr;
        uint64_t ticks;
        if (i % SOCKETS_PER_GLANCE == SOCKETS_PER_GLANCE - 1) say_what_is_due();
        if (!v && read(timer_fd, &ticks, sizeof ticks) < 0 && errno != EAGAIN) die("timer");
        if (!v) continue;
        if (v->fd >= 0 && events[i].events & EPOLLOUT) put_rest(v);
        if (v->fd >= 0 && events[i].events & ~EPOLLOUT) read_from(v);
    }
    looked_us += clock_us() - began_us;
    return ready < EVENTS_A_LOOK;
}

static void come(struct viewer *v, char *hello) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(o.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v->hello = hello;
    v->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (v->fd < 0 || connect(v->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(v, EPOLL_CTL_ADD, EPOLLIN);
    char request[1024], path[256];
    snprintf(path, sizeof path, o.path, (v - viewers) % o.rooms); /* a %ld in it is the room's number */
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: bG9hZHRlc3QtcGVlcnM9PQ==\r\nSec-WebSocket-Version: 13\r\n%s%s%s\r\n",
        path, o.port, *o.protocol ? "Sec-WebSocket-Protocol: " : "", o.protocol, *o.protocol ? "\r\n" : "");
    put(v, (uint8_t *)request, size);
}

/* Until at most `most` of those who came are not in yet. */
static void wait_for_joins(long came, long most) {
    uint64_t give_up_us = clock_us() + JOIN_WAIT_MS * 1000;
    while (came - joined > most) {
        look(100);
        if (lost) die("a viewer was shut out");
        if (clock_us() > give_up_us) die("%ld of %ld viewers were not let in in time", came - joined, came);
    }
}

static void join_all(void) {
    FILE *hellos = *o.hello_file ? fopen(o.hello_file, "r") : NULL;
    if (*o.hello_file && !hellos) die("no file %s", o.hello_file);
    for (long i = 0; i < o.sockets; i++) {
        char *line = NULL;
        size_t space = 0;
        ssize_t length = hellos ? getline(&line, &space, hellos) : 0;
        if (hellos && length < 1) die("no hello for viewer %ld", i);
        if (hellos && line[length - 1] == '\n') line[length - 1] = 0;
        come(&viewers[i], line);
        wait_for_joins(i + 1, JOINS_AT_ONCE);
    }
    wait_for_joins(o.sockets, 0);
    if (hellos) fclose(hellos);
}

static void say(uint64_t index, uint64_t due_us) {
    static char text[4096];
    uint8_t frame[4200];
    size_t size = strlen(o.say);
    char stamp[STAMP_DIGITS + 1];
    if (!text[0]) memcpy(text, o.say, size + 1);
    char *digits = strstr(text, MARK) + MARK_BYTES;
    snprintf(stamp, sizeof stamp, "%016llu", (unsigned long long)due_us);
    memcpy(digits, stamp, STAMP_DIGITS);
    if (!put(&viewers[index % o.speakers], frame, make_frame(frame, 1, text, size))) unsaid++;
    else if (due_us >= from_us) published++;
}

static uint64_t next_due_us(void) {
    return start_us + (uint64_t)(said * 1e6 / o.rate);
}

/* Nothing before `start_us` is set and nothing after the measured time. */
static void say_what_is_due(void) {
    for (int i = 0; start_us && i < SAID_AT_ONCE_MAX; i++) {
        uint64_t due_us = next_due_us(), now = clock_us();
        if (due_us > now || due_us >= until_us) return;
        if (due_us >= from_us) record(&lateness, (int64_t)(now - due_us));
        say(said++, due_us);
    }
}

/* Says everything when it is due, reads all the time, until the end of the measured time. */
static void speak(uint64_t *cpu_us, uint64_t *waited_us) {
    uint64_t now, rest_until_us = 0, cpu_before = 0, waited_before = 0;
    int begun = 0;
    while ((now = clock_us()) < until_us) {
        if (!begun && now >= from_us) {
            own_time(&cpu_before, &waited_before);
            begun = puts("begin"), fflush(stdout);
        }
        say_what_is_due();
        uint64_t next = next_due_us() < until_us ? next_due_us() : until_us;
        if (!begun && from_us < next) next = from_us;
        if (rest_until_us > now + REST_US_MIN) {
            struct timespec then = moment(rest_until_us < next ? rest_until_us : next);
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
            continue;
        }
        struct itimerspec when = {.it_value = moment(next)};
        timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
        if (!look(1000)) continue;
        uint64_t rest_us = !is_full(clock_us(), looked_us) ? 0 : looked_us < REST_US_MAX ? looked_us : REST_US_MAX;
        rest_until_us = clock_us() + rest_us;
        if (begun) record(&looks, looked_us + rest_us);
        looked_us = 0;
    }
    puts("end"), fflush(stdout);
    own_time(cpu_us, waited_us);
    *cpu_us -= cpu_before, *waited_us -= waited_before;
}

static void print_counts(void) {
    struct { const char *name; uint64_t value; } counts[] = {
        {"published", published}, {"unsaid", unsaid}, {"delivered", delivered}, {"received", received},
        {"frames", frames}, {"bytes", bytes}, {"all_frames", all_frames}, {"reads", reads}, {"malformed", malformed},
        {"lost", lost}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        printf("\"%s\":%llu,", counts[i].name, (unsigned long long)counts[i].value);
}

static int run(void) {
    if (!o.port || o.rooms < 1 || o.sockets < o.rooms || o.speakers < 1 || o.speakers > o.sockets || o.rate <= 0) die("what load?");
    const char *mark = strstr(o.say, MARK);
    if (!mark || strlen(mark) < MARK_BYTES + STAMP_DIGITS || strlen(o.say) > 4000) die("say= needs " MARK " and 16 digits");
    viewers = calloc(o.sockets, sizeof *viewers);
    loop_fd = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event timer = {.events = EPOLLIN, .data.ptr = NULL};
    if (!viewers || loop_fd < 0 || timer_fd < 0 || epoll_ctl(loop_fd, EPOLL_CTL_ADD, timer_fd, &timer)) die("epoll");
    from_us = until_us = UINT64_MAX; /* nothing is measured yet */
    join_all();
    puts("joined"), fflush(stdout);
    struct pollfd go = {.fd = 0, .events = POLLIN};
    while (!poll(&go, 1, 0)) look(1);

    uint64_t cpu_us, waited_us;
    start_us = clock_us() + 1000, looked_us = 0;
    from_us = start_us + o.warmup_ms * 1000, until_us = from_us + o.window_ms * 1000;
    speak(&cpu_us, &waited_us);
    uint64_t give_up_us = until_us + o.drain_ms * 1000;
    while (delivered < published * ((o.sockets - lost) / o.rooms) && clock_us() < give_up_us) look(1);

    double window_us = o.window_ms * 1e3, busy = (cpu_us + waited_us) / window_us;
    int refused = busy >= o.busy_max;
    printf("{");
    print_counts();
    print_histogram("latency", &latency), printf(",");
    print_histogram("lateness", &lateness), printf(",");
    print_histogram("looks", &looks);
    printf(",\"cpu_share\":%.4f,\"waited_share\":%.4f,\"refused\":%s}\n", cpu_us / window_us, waited_us / window_us,
           refused ? "true" : "false");
    return refused ? 3 : 0;
}

static int parse(void) {
    struct viewer v = {.upgraded = 1, .joined = 1};
    from_us = o.from_us, until_us = o.until_us;
    for (;;) {
        if (v.held_bytes) memcpy(room, v.held, v.held_bytes);
        size_t got = fread(room + v.held_bytes, 1, o.chunk, stdin);
        if (!got) break;
        take(&v, v.held_bytes + got, o.now_us);
    }
    printf("{");
    print_counts();
    print_histogram("latency", &latency);
    printf(",\"unfinished\":%zu}\n", v.held_bytes);
    return 0;
}

static void read_option(const char *argument) {
    struct { const char *name; long *whole; double *real; const char **text; } known[] = {
        {"port", &o.port}, {"sockets", &o.sockets}, {"speakers", &o.speakers}, {"rooms", &o.rooms}, {"warmup_ms", &o.warmup_ms},
        {"window_ms", &o.window_ms}, {"drain_ms", &o.drain_ms}, {"now_us", &o.now_us}, {"from_us", &o.from_us},
        {"until_us", &o.until_us}, {"chunk", &o.chunk}, {"rate", .real = &o.rate}, {"busy_max", .real = &o.busy_max},
        {"path", .text = &o.path}, {"protocol", .text = &o.protocol}, {"hello_file", .text = &o.hello_file},
        {"joined", .text = &o.joined}, {"say", .text = &o.say}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t length = strlen(known[i].name);
        if (strncmp(argument, known[i].name, length) || argument[length] != '=') continue;
        const char *value = argument + length + 1;
        if (known[i].whole) *known[i].whole = atol(value);
        else if (known[i].real) *known[i].real = atof(value);
        else *known[i].text = value;
        return;
    }
    die("unknown option %s", argument);
}

int main(int count, char **arguments) {
    for (int i = 2; i < count; i++) read_option(arguments[i]);
    room = malloc(ROOM_BYTES);
    if (!room) die("out of memory");
    if (count > 1 && !strcmp(arguments[1], "run")) return run();
    if (count > 1 && !strcmp(arguments[1], "parse")) return parse();
    die("generator run|parse key=value…");
}
