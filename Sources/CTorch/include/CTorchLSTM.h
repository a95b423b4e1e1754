// The loss and gradient of an LSTM language model in one call.
#ifndef SMOOTHNESS_CTORCH_LSTM_H
#define SMOOTHNESS_CTORCH_LSTM_H
#endif
