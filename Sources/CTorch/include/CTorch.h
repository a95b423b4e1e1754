// C functions over LibTorch's C++; none lets an exception cross.
#ifndef SMOOTHNESS_CTORCH_H
#define SMOOTHNESS_CTORCH_H
#endif
