/*
 * A wall clock that jumps: between a program and its C library, by LD_PRELOAD.
 *
 * Every few times that somebody asks, it is another time: an hour ago, next year, January 1970, where a
 * machine with an empty battery begins. CLOCK_START says which of them comes first. Clocks that never go
 * back (CLOCK_MONOTONIC) are as they are: nobody can set those.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400L
#define EPOCH (-1 - 1000000 * DAY)
#define SAME_TIME_ASKED 5

static atomic_ulong asked;

static long jump(void) {
    static const long jumps[] = {0, -3600, 400 * DAY, -1, EPOCH, 5, 20 * 365 * DAY, -DAY};
    static atomic_long first = -1;
    if (first < 0) {
        const char *start = getenv("CLOCK_START");
        first = start ? atol(start) : 0;
    }
    unsigned long at = first + atomic_fetch_add(&asked, 1) / SAME_TIME_ASKED;
    return jumps[at % (sizeof jumps / sizeof jumps[0])];
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        long by = jump();
        now->tv_sec = by == EPOCH ? 3 * DAY : now->tv_sec + by;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact))
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}
