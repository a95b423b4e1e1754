// Settings of the OpenMP runtime that exist as environment variables only, and that it reads while the program is being
// loaded, long before main. Functions in .preinit_array run before the initialisation of any shared library.

#include "CStartup.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { most_variables = 4096 };

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Under an explicit dynamic loader or an emulator /proc/self/exe is not this program.
static int is_started_by_name(const char *given) {
    char executable[4096];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length <= 0 || !given) return 0;
    executable[length] = 0;
    return strcmp(last_part(executable), last_part(given)) == 0;
}

static int names(const char *variable, const char *name) {
    size_t length = strlen(name);
    return strncmp(variable, name, length) == 0 && variable[length] == '=';
}

// Whether the command never computes on several threads of that runtime: to be loaded twice would be half of its time.
static int is_brief(int count, char **arguments) {
    static const char *const brief[] = {"fit",    "advise", "plot",  "report", "export", "inspect",
                                        "import", "bridge", "theory", "help",  "-h",     "--help", "--version"};
    if (count < 2) return 1;
    for (size_t i = 0; i < sizeof brief / sizeof *brief; i++)
        if (strcmp(arguments[1], brief[i]) == 0) return 1;
    if (strcmp(arguments[1], "batch") == 0) {
        // Its workers compute; `run` gives them the variable.
        static const char *const steps[] = {"run", "submit", "status", "retry", "cancel", "merge"};
        for (size_t i = 0; count > 2 && i < sizeof steps / sizeof *steps; i++)
            if (strcmp(arguments[2], steps[i]) == 0) return 1;
        return 0;
    }
    if (strcmp(arguments[1], "estimate") != 0) return 0;
    for (int i = 2; i < count; i++)
        if (strcmp(arguments[i], "--recorded") == 0) return 1;
    return 0;
}

// A thread that waits for the others at the end of a parallel region spins for some milliseconds before it sleeps. On a
// processor that is shared with other programs it thereby keeps the very thread off the core that it waits for: one
// gradient of a small LSTM took 10 to 40 times as long as with one thread. A short spin, then sleep, costs nothing
// measurable on an idle machine. What the user has set is left alone.
//
// The C library has not taken over the environment yet, so that setenv would be lost: the program starts itself again
// with one variable more. It cannot loop, as the variable is then there; should the start fail, nothing is lost but time.
static void wait_politely(int count, char **arguments, char **environment) {
    if (count < 1 || is_brief(count, arguments) || !is_started_by_name(arguments[0])) return;
    static char *extended[most_variables + 2];
    size_t variables = 0;
    for (; environment[variables]; variables++) {
        if (variables == most_variables) return;
        if (names(environment[variables], "OMP_WAIT_POLICY") || names(environment[variables], "GOMP_SPINCOUNT")) return;
        extended[variables] = environment[variables];
    }
    extended[variables] = "GOMP_SPINCOUNT=1000";
    execve("/proc/self/exe", arguments, extended);
}

__attribute__((section(".preinit_array"), used)) static void (*const before_everything)(int, char **, char **) =
    wait_politely;
