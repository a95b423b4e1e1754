// Memory that is shared, pipes and children.
#include "sanitize.h"

extern "C" {
#include "CInterprocess.h"
}

#include <cstring>
#include <unistd.h>

namespace {

void shared(size_t count) {
    int failure = 0;
    smoothness_shared *memory = smoothness_shared_create(count, &failure);
    if (!memory) fail("smoothness_shared_create");
    const Buffer<uint8_t> from(count);
    Buffer<uint8_t> to(count);
    smoothness_shared_write(memory, 0, from.data(), count);
    smoothness_shared_read(memory, 0, to.data(), count);
    smoothness_shared_read(memory, count, to.data(), 0);
    if (std::memcmp(from.data(), to.data(), count) != 0) fail("smoothness_shared_read");
    smoothness_shared_free(memory);
}

/// Starts a shell and waits until its end is told.
void child(const char *script, int expected_code, int expected_signal, bool is_killed) {
    const char *arguments[] = {"sh", "-c", script, nullptr}, *environment[] = {"A=b", nullptr};
    const int streams[] = {SMOOTHNESS_STREAM_NULL, SMOOTHNESS_STREAM_NULL, SMOOTHNESS_STREAM_INHERITED};
    int identifier = 0, is_ended = 0, code = 0, signal_number = 0;
    if (smoothness_spawn("/bin/sh", arguments, environment, "/", streams, &identifier)) fail("smoothness_spawn");
    if (is_killed) smoothness_kill_children();
    while (!is_ended) {
        if (smoothness_end(identifier, &is_ended, &code, &signal_number)) fail("smoothness_end");
        usleep(1000);
    }
    if (code != expected_code || signal_number != expected_signal) fail(std::string("the end of: ") + script);
    if (!smoothness_end(identifier, &is_ended, &code, &signal_number)) fail("an end that was told twice");
}

} // namespace

void check_processes() {
    for (size_t count = 1; count <= 17; count++) shared(count);
    shared(65537);
    child("exit 7", 7, 0, false);
    child("kill -TERM $$", 0, 15, false);
    child("sleep 1000", 0, 9, true);
    int identifier = 0;
    const char *arguments[] = {"none", nullptr}, *environment[] = {nullptr};
    const int streams[] = {SMOOTHNESS_STREAM_NULL, SMOOTHNESS_STREAM_NULL, SMOOTHNESS_STREAM_NULL};
    if (!smoothness_spawn("/no/such/program", arguments, environment, nullptr, streams, &identifier)) fail("no program ran");
    int ends[2];
    if (smoothness_pipe(ends)) fail("smoothness_pipe");
    close(ends[0]);
    close(ends[1]);
    smoothness_end_with_children(75);
}
