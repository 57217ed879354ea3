/*
 * A disk that fails, for one process: preloaded (LD_PRELOAD) before the program, it stands between
 * the C library and the kernel for every change below one folder.
 *
 * What is written goes to the real files at once, so that the program reads what it wrote; what
 * stood there before is kept until the file is synced. When power is lost, of everything that was
 * not yet synced some is put back as it was and the process ends by SIGKILL:
 *
 *   data       sector by sector (512 bytes), any of them: writes are dropped, torn and reordered
 *   length     of a file that grew or shrank: the old one, the new one, or one in between
 *   names      made, renamed and removed: from some moment on all are undone, as a file system
 *              with a log of its own loses them, but for those whose folder was synced since
 *
 * Not covered: writes through a memory map (SQLite's -shm, which it makes anew), changes of owner
 * and mode, system calls that do not go through the C library, and a disk that loses what it has
 * confirmed (that is FAULTY_IGNORE_SYNC).
 *
 *   FAULTY_ROOT=DIR          the folder; nothing else is touched
 *   FAULTY_LOST=DIR          a folder for what may have to come back, on the same file system
 *   FAULTY_POWER_AT=N        lose power in the Nth change
 *   FAULTY_POWER_AT_EXIT=1   lose power when the process ends
 *   FAULTY_SEED=N            what of the unsynced is lost
 *   FAULTY_IGNORE_SYNC=1     syncs are confirmed and not done
 *   FAULTY_SYNC_FAILS_AT=N   the Nth sync fails with EIO, once
 *   FAULTY_READ_ONLY_AT=N    from the Nth change on all fail with EROFS
 *   FAULTY_LATE_AT=N         the Nth write of sled's threads fails with EIO, once, and half a second late
 *   FAULTY_FULL_AFTER=N      no more than N bytes can be added: ENOSPC
 *   FAULTY_REPORT=FILE       where to write "changes syncs lost-sectors undone-names" at the end
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define FILES 4096
#define NAMES 65536

/* A file with changes that were not synced. */
struct file {
    dev_t device;
    ino_t inode;
    int fd; /* a descriptor of our own; it also keeps the inode from being used again */
    off_t durable_size;
    unsigned char **before; /* by sector: what stood there, if it was changed */
    size_t sectors;
};

/* A change of a folder that was not synced. */
struct name {
    enum { MADE, MADE_FOLDER, RENAMED, REMOVED, REMOVED_FOLDER } kind;
    ino_t folder, other_folder; /* whose sync makes it durable */
    char path[PATH_MAX], to[PATH_MAX];
    int stash; /* a number of a hard link to what the name stood for, 0 if none */
    ino_t itself; /* of a removed folder */
};

static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct file files[FILES];
static struct name *names[NAMES];
static size_t file_count, name_count;
static char root[PATH_MAX];
static const char *lost;
static size_t root_length;
static long changes, syncs, added, lost_sectors, undone_names, stashed;
static long power_at, sync_fails_at, read_only_at, full_after, late_at, writes_of_sled;
static int power_at_exit, ignore_sync;
static const char *report;
static uint64_t seed;

static long number(const char *variable) {
    const char *text = getenv(variable);
    return text ? atol(text) : 0;
}

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("FAULTY_ROOT");
    lost = getenv("FAULTY_LOST");
    if (!folder || !lost || !realpath(folder, root)) return;
    root_length = strlen(root);
    power_at = number("FAULTY_POWER_AT");
    power_at_exit = number("FAULTY_POWER_AT_EXIT") != 0;
    ignore_sync = number("FAULTY_IGNORE_SYNC") != 0;
    sync_fails_at = number("FAULTY_SYNC_FAILS_AT");
    read_only_at = number("FAULTY_READ_ONLY_AT");
    full_after = number("FAULTY_FULL_AFTER");
    late_at = number("FAULTY_LATE_AT");
    seed = (uint64_t)number("FAULTY_SEED") * 2654435761u + 88172645463325252u;
    report = getenv("FAULTY_REPORT");
}

static uint64_t below(uint64_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % limit;
}

static int watched(const char *path) {
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* The path that a descriptor was opened by; 0 if it is not below the folder. */
static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return watched(path);
}

/* The absolute form of a path that need not exist; its folder must. */
static int absolute(int folder, const char *path, char *out) {
    char parent[PATH_MAX], whole[PATH_MAX];
    if (*path == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else if (folder == AT_FDCWD) {
        if (!getcwd(parent, sizeof parent)) return 0;
        if (snprintf(whole, sizeof whole, "%s/%s", parent, path) >= PATH_MAX) return 0;
    } else {
        if (!path_of(folder, parent)) return 0;
        if (snprintf(whole, sizeof whole, "%s/%s", parent, path) >= PATH_MAX) return 0;
    }
    char *slash = strrchr(whole, '/');
    if (!slash || !slash[1]) return 0;
    *slash = 0;
    if (!realpath(*whole ? whole : "/", parent)) return 0;
    return snprintf(out, PATH_MAX, "%s/%s", parent, slash + 1) < PATH_MAX && watched(out);
}

static ino_t inode_of(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

static ino_t folder_of(const char *path) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = 0;
    return inode_of(parent);
}

static void forget(struct file *file) {
    for (size_t at = 0; at < file->sectors; at++) free(file->before[at]);
    free(file->before);
    syscall(SYS_close, file->fd);
    *file = files[--file_count];
}

/* The file behind a descriptor, as one with changes; none if it is not to be watched. */
static struct file *file_of(int fd) {
    struct stat found;
    char path[PATH_MAX];
    if (!root_length || fstat(fd, &found) || !S_ISREG(found.st_mode) || !path_of(fd, path)) return NULL;
    for (size_t at = 0; at < file_count; at++)
        if (files[at].inode == found.st_ino && files[at].device == found.st_dev) return &files[at];
    if (file_count == FILES) abort();
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDWR | O_CLOEXEC);
    if (own < 0) return NULL;
    files[file_count] = (struct file){found.st_dev, found.st_ino, own, found.st_size, NULL, 0};
    return &files[file_count++];
}

/* Keeps what stands in these bytes, where that was not done since the last sync. */
static void keep(struct file *file, off_t from, off_t to) {
    for (size_t at = (size_t)(from / SECTOR); (off_t)at * SECTOR < to; at++) {
        if (at >= file->sectors) {
            size_t more = at * 2 + 64;
            file->before = realloc(file->before, more * sizeof *file->before);
            memset(file->before + file->sectors, 0, (more - file->sectors) * sizeof *file->before);
            file->sectors = more;
        }
        if (file->before[at]) continue;
        file->before[at] = calloc(1, SECTOR); /* zeros beyond the end */
        if (syscall(SYS_pread64, file->fd, file->before[at], SECTOR, (off_t)at * SECTOR) < 0) abort();
    }
}

static void lose_data(struct file *file) {
    static const uint64_t chances[] = {100, 100, 90, 50, 50, 10, 0};
    uint64_t chance = chances[below(7)];
    struct stat now;
    if (fstat(file->fd, &now)) abort();
    off_t size = now.st_size, durable = file->durable_size;
    if (size != durable && chance && below(2)) {
        size = size > durable && !below(3) ? durable + (off_t)below((uint64_t)(size - durable)) : durable;
        if (syscall(SYS_ftruncate, file->fd, size)) abort();
    }
    for (size_t at = 0; at < file->sectors; at++) {
        off_t from = (off_t)at * SECTOR, left = size - from;
        if (!file->before[at] || left <= 0) continue;
        /* What a truncation took away is back with the length. */
        if (from < now.st_size && below(100) >= chance) continue;
        size_t bytes = left < SECTOR ? (size_t)left : SECTOR;
        if (syscall(SYS_pwrite64, file->fd, file->before[at], bytes, from) < 0) abort();
        lost_sectors++;
    }
}

static void stash_path(int number, char *path) {
    snprintf(path, PATH_MAX, "%.3900s/%d-%d", lost, (int)getpid(), number);
}

static void undo(const struct name *name) {
    char stash[PATH_MAX];
    switch (name->kind) {
    case MADE: syscall(SYS_unlink, name->path); break;
    case MADE_FOLDER: /* with what was synced within it */
        stash_path((int)++stashed, stash);
        syscall(SYS_rename, name->path, stash);
        break;
    case RENAMED: syscall(SYS_rename, name->to, name->path); break;
    case REMOVED: break;
    case REMOVED_FOLDER: syscall(SYS_mkdirat, AT_FDCWD, name->path, 0700); break;
    }
    if (name->stash) {
        stash_path(name->stash, stash);
        syscall(SYS_rename, stash, name->kind == RENAMED ? name->to : name->path);
    }
    undone_names++;
}

static void drop_name(size_t at) {
    char stash[PATH_MAX];
    if (names[at]->stash) {
        stash_path(names[at]->stash, stash);
        syscall(SYS_unlink, stash);
    }
    free(names[at]);
}

static void write_report(void) {
    if (!report) return;
    char text[200];
    int length = snprintf(text, sizeof text, "%ld %ld %ld %ld\n", changes, syncs, lost_sectors, undone_names);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, report, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || syscall(SYS_write, fd, text, length) != length) abort();
    syscall(SYS_close, fd);
}

static void lose_power(void) {
    size_t kept = below(name_count + 1);
    for (size_t at = name_count; at-- > 0;) {
        if (at >= kept) undo(names[at]);
        drop_name(at);
    }
    for (size_t at = 0; at < file_count; at++) lose_data(&files[at]);
    write_report();
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

__attribute__((destructor)) static void end(void) {
    if (!root_length) return;
    pthread_mutex_lock(&mutex);
    if (power_at_exit) lose_power();
    for (size_t at = 0; at < name_count; at++) drop_name(at);
    write_report();
    pthread_mutex_unlock(&mutex);
}

/* Counts a change: whether power is lost in it. It must not be made if `*error` is set. */
static int change(int *error) {
    changes++;
    *error = read_only_at && changes >= read_only_at ? EROFS : 0;
    return power_at && changes == power_at;
}

#define CHANGE(WATCHED, CALL, ...)                                                                     \
    if (!root_length) return CALL;                                                                      \
    pthread_mutex_lock(&mutex);                                                                         \
    long result;                                                                                        \
    int failure = 0;                                                                                    \
    if (WATCHED) {                                                                                      \
        int now = change(&failure);                                                                     \
        __VA_ARGS__                                                                                     \
        if (now) lose_power();                                                                          \
    } else {                                                                                            \
        result = CALL;                                                                                  \
        failure = result < 0 ? errno : 0;                                                               \
    }                                                                                                   \
    pthread_mutex_unlock(&mutex);                                                                       \
    if (failure) errno = failure;                                                                       \
    return result;

/* Does the call unless it is to fail. */
#define DO(CALL)                                                                                        \
    if (failure) result = -1;                                                                           \
    else if ((result = (CALL)) < 0) failure = errno;

/* How many of these bytes there is room for; `*failure` if for none. */
static size_t room(struct file *file, off_t at, size_t count, int *failure) {
    struct stat now;
    if (!full_after || *failure || fstat(file->fd, &now)) return count;
    off_t growth = at + (off_t)count - now.st_size;
    if (growth <= 0) return count;
    if (added + growth > full_after) {
        *failure = ENOSPC;
        return 0;
    }
    added += growth;
    return count;
}

static off_t offset_of(int fd, struct file *file) {
    struct stat now;
    if (syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND) return fstat(file->fd, &now) ? 0 : now.st_size;
    return syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

/* Whether this is the write that fails late. Others go on meanwhile: that is the point of it. */
static int fails_late(void) {
    char thread[16] = "";
    if (!late_at || prctl(PR_GET_NAME, thread) || strncmp(thread, "sled-io", 7)) return 0;
    pthread_mutex_lock(&mutex);
    int now = ++writes_of_sled == late_at;
    pthread_mutex_unlock(&mutex);
    if (now) usleep(500000);
    return now;
}

static ssize_t write_at(int fd, const void *bytes, size_t count, off_t at, int positioned) {
    struct file *file;
    if (fails_late()) {
        errno = EIO;
        return -1;
    }
#define REAL (positioned ? syscall(SYS_pwrite64, fd, bytes, count, at) : syscall(SYS_write, fd, bytes, count))
    CHANGE((file = file_of(fd)), REAL, {
        off_t from = positioned ? at : offset_of(fd, file);
        count = room(file, from, count, &failure);
        if (!failure) keep(file, from, from + (off_t)count);
        DO(REAL)
    })
#undef REAL
}

ssize_t write(int fd, const void *bytes, size_t count) { return write_at(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return write_at(fd, bytes, count, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return write_at(fd, bytes, count, at, 1); }

/* Part by part: a write may be short. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!root_length) return syscall(SYS_writev, fd, parts, count);
    ssize_t whole = 0;
    for (int at = 0; at < count; at++) {
        ssize_t done = write(fd, parts[at].iov_base, parts[at].iov_len);
        if (done < 0) return whole ? whole : -1;
        whole += done;
        if ((size_t)done < parts[at].iov_len) break;
    }
    return whole;
}

int ftruncate(int fd, off_t length) {
    struct file *file;
    CHANGE((file = file_of(fd)), syscall(SYS_ftruncate, fd, length), {
        struct stat now;
        if (!failure && !fstat(fd, &now) && length < now.st_size) keep(file, length, now.st_size);
        DO(syscall(SYS_ftruncate, fd, length))
    })
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int pending(const struct name *name) {
    return name->folder || name->other_folder;
}

/* The names in a folder are durable; with the folder that was removed from it, those in that one. */
static void synced(ino_t folder) {
    for (size_t at = 0; at < name_count; at++) {
        struct name *name = names[at];
        if (!pending(name)) continue;
        if (name->folder == folder) name->folder = 0;
        if (name->other_folder == folder) name->other_folder = 0;
        if (name->kind == REMOVED_FOLDER && !pending(name)) synced(name->itself);
    }
}

static int sync_file(int fd, long call) {
    struct stat found;
    char path[PATH_MAX];
    CHANGE(!fstat(fd, &found) && path_of(fd, path), syscall(call, fd), {
        syncs++;
        if (now) lose_power();
        if (sync_fails_at && syncs == sync_fails_at) failure = EIO;
        DO(ignore_sync ? 0 : syscall(call, fd))
        if (!failure && !ignore_sync) {
            for (size_t at = 0; at < file_count; at++)
                if (files[at].inode == found.st_ino && files[at].device == found.st_dev) forget(&files[at--]);
            if (S_ISDIR(found.st_mode)) synced(found.st_ino);
            size_t kept = 0;
            for (size_t at = 0; at < name_count; at++) {
                if (pending(names[at])) names[kept++] = names[at];
                else drop_name(at);
            }
            name_count = kept;
        }
    })
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static void remember(int kind, const char *path, const char *to, int stash) {
    struct name *name = calloc(1, sizeof *name);
    if (!name || name_count == NAMES) abort();
    name->kind = kind;
    snprintf(name->path, PATH_MAX, "%s", path);
    snprintf(name->to, PATH_MAX, "%s", to);
    name->folder = folder_of(path);
    name->other_folder = *to && folder_of(to) != name->folder ? folder_of(to) : 0;
    name->stash = stash;
    names[name_count++] = name;
}

/* A second name for a file, so that it can come back; 0 if there is none. */
static int stash(const char *path) {
    char second[PATH_MAX];
    stash_path((int)++stashed, second);
    return syscall(SYS_link, path, second) ? 0 : (int)stashed;
}

static int open_at(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    CHANGE((flags & (O_CREAT | O_TRUNC)) && absolute(folder, name, path), (int)syscall(SYS_openat, folder, name, flags, mode), {
        int is_new = inode_of(path) == 0;
        if (!failure && (flags & O_TRUNC) && !is_new) {
            int fd = (int)syscall(SYS_openat, folder, name, O_RDWR | O_CLOEXEC);
            struct file *file = fd < 0 ? NULL : file_of(fd);
            struct stat found;
            if (file && !fstat(fd, &found)) keep(file, 0, found.st_size);
            if (fd >= 0) syscall(SYS_close, fd);
        }
        if (!is_new && !(flags & O_TRUNC)) failure = 0; /* nothing is changed */
        DO((int)syscall(SYS_openat, folder, name, flags, mode))
        if (!failure && is_new) {
            remember(MADE, path, "", 0);
            struct file *file = file_of((int)result);
            if (file) file->durable_size = 0;
        }
    })
}

#define MODE(FLAGS)                                                                                     \
    mode_t mode = 0;                                                                                    \
    if ((FLAGS) & O_CREAT) {                                                                            \
        va_list list;                                                                                   \
        va_start(list, flags);                                                                          \
        mode = va_arg(list, mode_t);                                                                    \
        va_end(list);                                                                                   \
    }
int open(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_at(folder, path, flags, mode); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char was[PATH_MAX], is[PATH_MAX];
    CHANGE(absolute(from_folder, from, was) && absolute(to_folder, to, is),
           (int)syscall(SYS_renameat, from_folder, from, to_folder, to), {
        if (now) lose_power();
        int replaced = failure ? 0 : stash(is);
        DO((int)syscall(SYS_renameat, from_folder, from, to_folder, to))
        if (!failure) remember(RENAMED, was, is, replaced);
    })
}
int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    CHANGE(absolute(folder, name, path), (int)syscall(SYS_unlinkat, folder, name, flags), {
        if (now) lose_power();
        int is_folder = flags & AT_REMOVEDIR, second = failure || is_folder ? 0 : stash(path);
        ino_t itself = inode_of(path);
        DO((int)syscall(SYS_unlinkat, folder, name, flags))
        if (!failure) remember(is_folder ? REMOVED_FOLDER : REMOVED, path, "", second);
        if (!failure && is_folder) names[name_count - 1]->itself = itself;
    })
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    CHANGE(absolute(folder, name, path), (int)syscall(SYS_mkdirat, folder, name, mode), {
        DO((int)syscall(SYS_mkdirat, folder, name, mode))
        if (!failure) remember(MADE_FOLDER, path, "", 0);
    })
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* Quicker ways to copy that would pass unseen. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    if (!root_length) return syscall(SYS_copy_file_range, in, from, out, to, count, flags);
    errno = ENOSYS;
    return -1;
}
