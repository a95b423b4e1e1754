// What the checks share: memory that ends where its last element ends, and numbers that look like any.
#ifndef SMOOTHNESS_SANITIZE_H
#define SMOOTHNESS_SANITIZE_H
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

[[noreturn]] inline void fail(const std::string &message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

/// Always the same sequence (splitmix64).
inline uint64_t random_number() {
    static uint64_t state = 1;
    uint64_t x = state += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// Elements in an allocation of their own, so that AddressSanitizer sees one read before or behind them.
template <class Element> class Buffer {
    Element *elements_;
    size_t count_;

  public:
    explicit Buffer(size_t count) : elements_(static_cast<Element *>(std::malloc(count * sizeof(Element)))), count_(count) {
        if (count && !elements_) fail("not enough memory");
        for (size_t i = 0; i < count; i++)
            if constexpr (std::is_floating_point_v<Element>)
                elements_[i] = static_cast<Element>((double)(random_number() % 2001) / 1000 - 1);
            else
                elements_[i] = static_cast<Element>(random_number());
    }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    ~Buffer() { std::free(elements_); }
    Element *data() { return elements_; }
    const Element *data() const { return elements_; }
    size_t size() const { return count_; }
    Element &operator[](size_t index) { return elements_[index]; }
    const Element &operator[](size_t index) const { return elements_[index]; }
};

void check_vectors();
void check_codecs();
void check_headers();
void check_processes();
void check_networks();
#endif
