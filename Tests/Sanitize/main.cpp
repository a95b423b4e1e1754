// `make sanitize`: the C and C++ targets under AddressSanitizer and UndefinedBehaviorSanitizer, over sizes that no vector width divides. A name of a part runs
// that alone.
#include "sanitize.h"

#include <cstring>

int main(int count, char **arguments) {
    const struct {
        const char *name;
        void (*check)();
    } parts[] = {
        {"vectors", check_vectors}, {"codecs", check_codecs}, {"headers", check_headers},
        {"processes", check_processes}, {"networks", check_networks}};
    for (const auto &part : parts) {
        if (count > 1 && std::strcmp(arguments[1], part.name) != 0) continue;
        part.check();
        std::printf("%s: nothing found\n", part.name);
        std::fflush(stdout);
    }
}
