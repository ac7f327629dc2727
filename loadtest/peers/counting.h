/* What the generator counts: the marks in a payload, the times they carry, and how long each took.
 *
 * No sockets here. `from_us` and `until_us` bound the measured time; both clocks are CLOCK_MONOTONIC in µs. */
#ifndef COUNTING_H
#define COUNTING_H
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "~at~"                  /* stands before the time in every comment, and nowhere else */
#define MARK_BYTES 4
#define STAMP_DIGITS 16              /* µs since the machine's start */
#define NOTES 64                     /* big frames remembered: a tick sends the same bytes to everyone */
#define NOTE_BYTES_MIN 1024          /* a smaller frame is searched faster than compared */
#define PRECISION_BITS 7             /* the histogram is report.py's: 128 buckets an octave */
#define BUCKETS (32 << PRECISION_BITS)

struct histogram { uint64_t counts[BUCKETS], count, largest; };
struct note { uint8_t *payload; size_t bytes, stamps_count; uint64_t *stamps; };

static struct histogram latency, lateness, looks;
static struct note notes[NOTES];
static uint64_t from_us, until_us;   /* the measured time */
static uint64_t delivered;           /* comments said in it, whenever they came */
static uint64_t received, frames, bytes;  /* what came in it, whenever it was said */
static uint64_t malformed, all_frames;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void *grown(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (!memory) die("out of memory");
    return memory;
}

static void record(struct histogram *h, int64_t microseconds) {
    uint64_t value = microseconds > 0 ? microseconds : 0;
    if (value > h->largest) h->largest = value;
    int length = value ? 64 - __builtin_clzll(value) : 0;
    int shift = length > PRECISION_BITS + 1 ? length - PRECISION_BITS - 1 : 0;
    uint64_t index = ((uint64_t)shift << PRECISION_BITS) + (value >> shift);
    h->counts[index < BUCKETS ? index : BUCKETS - 1]++;
    h->count++;
}

static void count_comment(uint64_t stamp, uint64_t now) {
    if (now >= from_us && now < until_us) received++;
    if (stamp < from_us || stamp >= until_us) return;
    delivered++;
    record(&latency, (int64_t)(now - stamp));
}

/* The time after a mark; 0 when no whole number stands there. */
static uint64_t stamp_at(const uint8_t *digits, const uint8_t *end) {
    if (end - digits < STAMP_DIGITS) return 0;
    uint64_t value = 0;
    for (int i = 0; i < STAMP_DIGITS; i++) {
        if (digits[i] < '0' || digits[i] > '9') return 0;
        value = value * 10 + (digits[i] - '0');
    }
    return value;
}

/* The times of all comments in a payload, into `stamps` when given; returns how many. */
static size_t find_stamps(const uint8_t *at, const uint8_t *end, uint64_t *stamps) {
    size_t count = 0;
    while (at < end && (at = memchr(at, MARK[0], end - at))) { /* rare in what is said; memmem takes five times as long */
        if (end - at < MARK_BYTES || memcmp(at, MARK, MARK_BYTES)) { at++; continue; }
        at += MARK_BYTES;
        uint64_t stamp = stamp_at(at, end);
        if (!stamp) malformed++;
        else if (stamps) stamps[count++] = stamp;
        else count++;
    }
    return count;
}

/* Everybody gets the same bytes of a tick: they are searched once, and only compared for all others. */
static struct note *note_of(const uint8_t *payload, size_t size) {
    uint64_t key = size, word;
    for (size_t at = size - 48; at < size; at += sizeof word) {
        memcpy(&word, payload + at, sizeof word);
        key = (key ^ word) * 0x9e3779b97f4a7c15;
    }
    key >>= 32;
    struct note *note = &notes[key % NOTES];
    if (note->bytes == size && !memcmp(note->payload, payload, size)) return note;
    note->payload = grown(note->payload, size);
    memcpy(note->payload, payload, size);
    note->bytes = size;
    note->stamps = grown(note->stamps, (size / (MARK_BYTES + STAMP_DIGITS) + 1) * sizeof *note->stamps);
    note->stamps_count = find_stamps(payload, payload + size, note->stamps);
    return note;
}

static void count_frame(const uint8_t *payload, size_t size, size_t frame_bytes, uint64_t now) {
    uint64_t few[NOTE_BYTES_MIN / (MARK_BYTES + STAMP_DIGITS) + 1], *stamps = few;
    size_t count;
    if (size < NOTE_BYTES_MIN) {
        count = find_stamps(payload, payload + size, few);
    } else {
        struct note *note = note_of(payload, size);
        stamps = note->stamps, count = note->stamps_count;
    }
    all_frames++;
    if (now >= from_us && now < until_us) {
        frames += count > 0;
        bytes += frame_bytes;
    }
    for (size_t i = 0; i < count; i++) count_comment(stamps[i], now);
}

static void print_histogram(const char *name, const struct histogram *h) {
    printf("\"%s\":{\"count\":%llu,\"largest\":%llu,\"buckets\":[", name, (unsigned long long)h->count,
           (unsigned long long)h->largest);
    const char *comma = "";
    for (int i = 0; i < BUCKETS; i++)
        if (h->counts[i]) printf("%s[%d,%llu]", comma, i, (unsigned long long)h->counts[i]), comma = ",";
    printf("]}");
}

#endif
