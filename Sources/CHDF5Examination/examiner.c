// The process in which files are examined, and how it is asked.
//
// The examiner is a copy of this process, made when libhdf5 is first used: it has no threads, no file of its parent is open in it, and
// each examination is a copy of it in turn, so that neither a computation under way nor its memory is copied, and no thread of a
// library (OpenBLAS stops its own at every fork) is disturbed later. It ends when its parent does, whose end closes the socket.
#define _GNU_SOURCE
#include "examination.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  // These are meant for the parent, with whose end this process ends.
  int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/// Waits until the other end of the pipe is closed or the time is over. Whether it was closed.
static int wait_for_end(int descriptor, int milliseconds) {
  struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
  int found;
  do found = poll(&wanted, 1, milliseconds);
  while (found < 0 && errno == EINTR);
  return found > 0;
}

/// Real time, which is longer than processor time where files are far away or processors are shared.
static int patience(const char *path) {
  struct stat status;
  if (stat(path, &status) != 0) status.st_size = 0;
  return 30000 + (int)(status.st_size >> 24 > 3600 ? 3600 : status.st_size >> 24) * 1000;
}

static void examine_in_copy(const char *path, unsigned call_milliseconds, hdf5_examination *shared) {
  memset(shared, 0, sizeof *shared);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) goto impossible;
  pid_t copy = fork();
  if (copy == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    smoothness_examine(path, call_milliseconds, shared);
    _exit(0);
  }
  if (copy < 0) {
    close(ends[0]);
    close(ends[1]);
    goto impossible;
  }
  close(ends[1]);
  int in_time = wait_for_end(ends[0], patience(path)), status = 0;
  close(ends[0]);
  if (!in_time) kill(copy, SIGKILL);
  while (waitpid(copy, &status, 0) < 0 && errno == EINTR) {}
  if (!in_time || (WIFSIGNALED(status) && (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGXCPU))) {
    shared->outcome = HDF5_EXAMINATION_ENDLESS;
  } else if (WIFSIGNALED(status)) {
    shared->outcome = HDF5_EXAMINATION_CRASHED;
    shared->detail = WTERMSIG(status);
  } else if (WEXITSTATUS(status) != 0) {
    // libhdf5 or the C library ended the process by itself.
    shared->outcome = HDF5_EXAMINATION_CRASHED;
  }
  return;
impossible:
  shared->outcome = HDF5_EXAMINATION_IMPOSSIBLE;
  shared->detail = errno;
}

/// Answers until the other end of the socket is closed.
static void serve(int socket) {
  hdf5_examination *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char path[PATH_MAX + 1];
  while (shared != MAP_FAILED) {
    ssize_t length = recv(socket, path, PATH_MAX, 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    path[length] = 0;
    examine_in_copy(path, 200, shared);
    // A virtual machine that was stopped for a while may count that as the time of a call.
    if (shared->outcome == HDF5_EXAMINATION_ENDLESS) examine_in_copy(path, 400, shared);
    if (send(socket, shared, sizeof *shared, MSG_NOSIGNAL) != sizeof *shared) break;
  }
  _exit(0);
}

static void close_all_but(int descriptor) {
  if (descriptor > 3) close_range(3, (unsigned)descriptor - 1, 0);
  // Kernels before 5.9 do not know the call.
  if (close_range((unsigned)descriptor + 1, ~0u, 0) != 0)
    for (int other = 3; other < (int)sysconf(_SC_OPEN_MAX); other++)
      if (other != descriptor) close(other);
  int nothing = open("/dev/null", O_RDWR);
  for (int stream = 0; stream < 3 && nothing >= 0; stream++) dup2(nothing, stream);
  if (nothing > 2) close(nothing);
}

/// The socket of the examiner and its process; -1 while there is none.
static int examiner = -1;
static pid_t examiner_process = -1;

static int start(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno;
  // No handler of this process may run in the copy.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t copy = fork();
  int failure = errno;
  if (copy == 0) {
    reset_signals();
    prctl(PR_SET_NAME, "hdf5-examiner");
    close_all_but(ends[1]);
    serve(ends[1]);
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(ends[1]);
  if (copy < 0) {
    close(ends[0]);
    return failure;
  }
  examiner = ends[0];
  examiner_process = copy;
  return 0;
}

void hdf5_examiner_start(void) {
  if (examiner < 0) start();
}

static hdf5_examination impossible(int failure) {
  return (hdf5_examination){.outcome = HDF5_EXAMINATION_IMPOSSIBLE, .detail = failure};
}

hdf5_examination hdf5_examine(int descriptor) {
  // The file that is open, whatever its path leads to by now.
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), descriptor);
  // One that was killed is started once more.
  for (int attempt = 0; attempt < 2; attempt++) {
    if (examiner < 0) {
      int failure = start();
      if (failure) return impossible(failure);
    }
    hdf5_examination answer;
    ssize_t length = send(examiner, path, strlen(path), MSG_NOSIGNAL);
    if (length > 0) {
      do length = recv(examiner, &answer, sizeof answer, 0);
      while (length < 0 && errno == EINTR);
      if (length == sizeof answer) {
        answer.object[sizeof answer.object - 1] = answer.operation[sizeof answer.operation - 1] = 0;
        return answer;
      }
    }
    close(examiner);
    kill(examiner_process, SIGKILL);
    while (waitpid(examiner_process, NULL, 0) < 0 && errno == EINTR) {}
    examiner = -1;
  }
  return impossible(ECHILD);
}
