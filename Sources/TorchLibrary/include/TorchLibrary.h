// Nothing to call by this name: what this library holds is declared in the headers of CTorch, which loads it.
#ifndef SMOOTHNESS_TORCH_LIBRARY_H
#define SMOOTHNESS_TORCH_LIBRARY_H
#endif
