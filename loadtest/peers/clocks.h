/* The clock of the generator, what the process itself used of the time, and whether it had better rest. */
#ifndef CLOCKS_H
#define CLOCKS_H
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define REST_US_MAX 20000            /* load.py judges no times where a look and its rest took longer */
#define REST_US_MIN 50               /* a shorter rest costs more than it saves; the kernel's own slack of a timer */
#define JUDGED_EVERY_US 50000        /* how long its own busy share is averaged over */
#define REST_ABOVE 0.6               /* of the time spent reading: from here on it rests, */
#define REST_UNTIL 0.35              /* until so little is to be read that it would wait anyway */

static uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct timespec moment(uint64_t us) {
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

/* Own CPU, and time spent ready to run while somebody else had the core, both in µs. */
static void own_time(uint64_t *cpu_us, uint64_t *waited_us) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    *cpu_us = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000ull + used.ru_utime.tv_usec + used.ru_stime.tv_usec;
    unsigned long long ran = 0, waited = 0;
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (file && fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
    if (file) fclose(file);
    *waited_us = waited / 1000;
}

/* Whether to rest, by how much of the last while was spent looking. */
static int is_full(uint64_t now, uint64_t spent_us) {
    static uint64_t judged_us, busy_us;
    static int full;
    busy_us += spent_us;
    if (now - judged_us >= JUDGED_EVERY_US) {
        double share = (double)busy_us / (now - judged_us);
        full = share > (full ? REST_UNTIL : REST_ABOVE);
        judged_us = now, busy_us = 0;
    }
    return full;
}

#endif
