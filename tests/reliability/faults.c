/* Makes the nth operation on files below a folder fail, once or from then on.
   Preloaded into the process that is tested; armed through ctypes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[4096];
static long countdown = -1, done;
static int always, error;

void faults_arm(const char *below, long nth, int from_then_on, int with_errno) {
    snprintf(folder, sizeof folder, "%s", below);
    always = from_then_on;
    error = with_errno;
    done = 0;
    countdown = nth;
}

long faults_disarm(void) {
    countdown = -1;
    return done;
}

static int fails(const char *path) {
    if (countdown < 0 || strncmp(path, folder, strlen(folder)) != 0)
        return 0;
    long now = __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
    if (now == countdown || (always && now > countdown)) {
        errno = error;
        return 1;
    }
    return 0;
}

static int fails_fd(int fd) {
    char link[64], path[4096];
    if (countdown < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(path);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define ON_FD(type, name, parameters, arguments)                                                   \
    type name parameters {                                                                         \
        REAL(name);                                                                                \
        return fails_fd(fd) ? -1 : real arguments;                                                 \
    }
#define ON_PATH(type, name, parameters, arguments)                                                 \
    type name parameters {                                                                         \
        REAL(name);                                                                                \
        return fails(path) ? -1 : real arguments;                                                  \
    }

ON_FD(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n))
ON_FD(ssize_t, writev, (int fd, const struct iovec *data, int n), (fd, data, n))
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at))
ON_FD(int, ftruncate, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, (int fd, off64_t n), (fd, n))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_PATH(int, rename, (const char *path, const char *to), (path, to))
ON_PATH(int, unlink, (const char *path), (path))
