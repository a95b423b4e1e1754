// Other processes: starting them and hearing of their end, memory shared with them, and pipes that no third one inherits.
#ifndef SMOOTHNESS_CINTERPROCESS_H
#define SMOOTHNESS_CINTERPROCESS_H
#include <stddef.h>

/// Memory that two processes map. It has no name in any folder, cannot be made smaller by the other one, and goes when both are gone.
typedef struct smoothness_shared smoothness_shared;

/// Makes `byte_count` zero bytes. NULL on failure, with `errno` in `failure`.
smoothness_shared *smoothness_shared_create(size_t byte_count, int *failure);
/// The file descriptor; another process of the same user opens it as /proc/PID/fd/DESCRIPTOR.
int smoothness_shared_descriptor(const smoothness_shared *memory);
/// Copies into the memory. The range must lie inside.
void smoothness_shared_write(smoothness_shared *memory, size_t offset, const void *source, size_t byte_count);
/// Copies out of the memory. The range must lie inside.
void smoothness_shared_read(const smoothness_shared *memory, size_t offset, void *target, size_t byte_count);
void smoothness_shared_free(smoothness_shared *memory);

/// A pipe (its reading end, then its writing end) that children do not inherit by themselves. 0, or -1 with `errno`.
int smoothness_pipe(int ends[2]);

/// Where a stream of a new process goes: a descriptor of this process, or one of these.
enum { SMOOTHNESS_STREAM_NULL = -1, SMOOTHNESS_STREAM_INHERITED = -2 };

/// Starts a program by its path. `arguments` (the first is the program's name) and `environment` end with NULL; `streams` are its standard input,
/// output and error. It inherits no other descriptor, leads a process group of its own, and begins with no signal blocked and with those that
/// this program ignores as they are by default. 0, or what `errno` would be.
int smoothness_spawn(const char *path, const char *const arguments[], const char *const environment[], const char *directory,
                     const int streams[3], int *identifier);

/// How a child has ended: `*is_ended`, and then the number of the signal that ended it in `*signal_number`, or 0 and the exit code in `*code`.
/// A child whose end was told is gone: asking again is an error. Does not wait. 0, or what `errno` would be.
int smoothness_end(int identifier, int *is_ended, int *code, int *signal_number);

/// Kills the groups of all children whose end is not known yet. May be called by a handler of signals.
void smoothness_kill_children(void);

/// Makes SIGHUP, SIGINT and SIGTERM do that before they end this process, where they would end it; the latter two with an exit code.
void smoothness_end_with_children(int interrupted_code);

/// Lets two files or folders of one file system change their names, in one step (renameat2 with RENAME_EXCHANGE). 0, or -1 with `errno` where the
/// file system cannot.
int smoothness_exchange(const char *one, const char *other);
#endif
