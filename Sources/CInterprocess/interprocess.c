#define _GNU_SOURCE
#include "CInterprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct smoothness_shared {
  int descriptor;
  size_t byte_count;
  unsigned char *bytes;
};

smoothness_shared *smoothness_shared_create(size_t byte_count, int *failure) {
  smoothness_shared *memory = calloc(1, sizeof *memory);
  if (!memory) {
    *failure = ENOMEM;
    return NULL;
  }
  memory->byte_count = byte_count;
  memory->bytes = MAP_FAILED;
  memory->descriptor = memfd_create("smoothness", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  // Sealed against shrinking: pages that vanish from under a mapping would end this process.
  if (memory->descriptor >= 0 && ftruncate(memory->descriptor, (off_t)byte_count) == 0 &&
      fcntl(memory->descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    memory->bytes = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED, memory->descriptor, 0);
  if (memory->bytes == MAP_FAILED) {
    *failure = errno;
    smoothness_shared_free(memory);
    return NULL;
  }
  return memory;
}

int smoothness_shared_descriptor(const smoothness_shared *memory) { return memory->descriptor; }

static void check(const smoothness_shared *memory, size_t offset, size_t byte_count) {
  if (offset > memory->byte_count || byte_count > memory->byte_count - offset) abort();
}

void smoothness_shared_write(smoothness_shared *memory, size_t offset, const void *source, size_t byte_count) {
  check(memory, offset, byte_count);
  memcpy(memory->bytes + offset, source, byte_count);
}

void smoothness_shared_read(const smoothness_shared *memory, size_t offset, void *target, size_t byte_count) {
  check(memory, offset, byte_count);
  memcpy(target, memory->bytes + offset, byte_count);
}

void smoothness_shared_free(smoothness_shared *memory) {
  if (memory->bytes != MAP_FAILED) munmap(memory->bytes, memory->byte_count);
  if (memory->descriptor >= 0) close(memory->descriptor);
  free(memory);
}

int smoothness_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

// The children whose end is not known yet, which are the groups that they lead; 0 where there is room. Those beyond that many are not killed.
static _Atomic pid_t children[4096];
enum { most_children = sizeof children / sizeof *children };
// How many threads are between starting a child and noting it. They take no signal then, so that a handler can wait for them.
static _Atomic int starting;

static void replace_child(pid_t present, pid_t next) {
  for (int i = 0; i < most_children; i++) {
    pid_t expected = present;
    if (atomic_compare_exchange_strong(&children[i], &expected, next)) return;
  }
}

void smoothness_kill_children(void) {
  const struct timespec millisecond = {0, 1000000};
  for (int waits = 0; atomic_load(&starting) > 0 && waits < 1000; waits++) nanosleep(&millisecond, NULL);
  for (int i = 0; i < most_children; i++) {
    const pid_t child = atomic_load(&children[i]);
    if (child > 1) kill(-child, SIGKILL);
  }
}

static volatile sig_atomic_t exit_code_of_interrupted;

static void end_with_children(int number) {
  smoothness_kill_children();
  if (number != SIGHUP) _exit(exit_code_of_interrupted);
  signal(number, SIG_DFL);
  // Comes when this handler has returned.
  raise(number);
}

void smoothness_end_with_children(int interrupted_code) {
  exit_code_of_interrupted = interrupted_code;
  const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct sigaction present;
    if (sigaction(numbers[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL) signal(numbers[i], end_with_children);
  }
}

// What a new process does with its descriptors before it becomes the program.
static int add_actions(posix_spawn_file_actions_t *actions, const char *directory, const int streams[3]) {
  int failure = 0;
  for (int stream = 0; stream < 3 && !failure; stream++) {
    if (streams[stream] == SMOOTHNESS_STREAM_NULL)
      failure = posix_spawn_file_actions_addopen(actions, stream, "/dev/null", stream == 0 ? O_RDONLY : O_WRONLY, 0);
    else if (streams[stream] >= 0)
      // Onto itself it clears the mark that would close it.
      failure = posix_spawn_file_actions_adddup2(actions, streams[stream], stream);
  }
  if (!failure) failure = posix_spawn_file_actions_addclosefrom_np(actions, 3);
  if (!failure && directory) failure = posix_spawn_file_actions_addchdir_np(actions, directory);
  return failure;
}

static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t blocked, ignored;
  sigemptyset(&blocked);
  // A program's threads may block signals, and it ignores these two in order to see them as errors.
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  sigaddset(&ignored, SIGXFSZ);
  int failure = posix_spawnattr_setsigmask(attributes, &blocked);
  if (!failure) failure = posix_spawnattr_setsigdefault(attributes, &ignored);
  if (!failure) failure = posix_spawnattr_setpgroup(attributes, 0);
  return failure ? failure
                 : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

int smoothness_spawn(const char *path, const char *const arguments[], const char *const environment[], const char *directory,
                     const int streams[3], int *identifier) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int failure = posix_spawn_file_actions_init(&actions);
  if (failure) return failure;
  failure = posix_spawnattr_init(&attributes);
  if (failure) {
    posix_spawn_file_actions_destroy(&actions);
    return failure;
  }
  failure = add_actions(&actions, directory, streams);
  if (!failure) failure = set_attributes(&attributes);
  pid_t child = -1;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  atomic_fetch_add(&starting, 1);
  // The strings are not written to: the parameters lack const for the sake of old programs.
  if (!failure) failure = posix_spawn(&child, path, &actions, &attributes, (char *const *)arguments, (char *const *)environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (!failure) replace_child(0, child);
  atomic_fetch_sub(&starting, 1);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  *identifier = child;
  return failure;
}

int smoothness_end(int identifier, int *is_ended, int *code, int *signal_number) {
  int status = 0;
  pid_t found;
  do found = waitpid(identifier, &status, WNOHANG);
  while (found < 0 && errno == EINTR);
  if (found < 0) return errno;
  if (found == identifier) replace_child(identifier, 0);
  *is_ended = found == identifier;
  *signal_number = *is_ended && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  *code = *is_ended && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return 0;
}

int smoothness_exchange(const char *one, const char *other) { return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE); }
