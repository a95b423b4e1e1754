// Nothing to call: linking this target is what it is for. See startup.c.
#ifndef SMOOTHNESS_CSTARTUP_H
#define SMOOTHNESS_CSTARTUP_H
#endif
