

# Callbacks ----------------------------------------------------------------------------------------------------------------


def lightning_callback(path, capacity, every=None, **options):
    """A callback for Lightning's Trainer(callbacks=[…]) that records every n-th update; without `every` they are spread over the training.
    Options are those of Recorder."""
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback

    class RecorderCallback(Callback):
        recorder, loss, is_pending = None, None, False

        def on_train_start(self, trainer, module):
            clips = trainer.gradient_clip_val and str(trainer.gradient_clip_algorithm or "norm").lower().endswith("norm")
            planned = trainer.estimated_stepping_batches if every is None else None
            settings = dict(clip_norm=trainer.gradient_clip_val if clips else None, optimizer=trainer.optimizers[0],
                            iterations=int(planned) if planned and 0 < planned < math.inf else None)
            self.recorder = Recorder(path, module, capacity, every, **{**settings, **options})
            self.update = trainer.global_step

        def on_before_backward(self, trainer, module, loss):
            # Already divided by the number of batches that are accumulated, and in 16 bits multiplied for the gradients.
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            self.loss = (self.loss or 0.0) + float(loss.detach()) / (scaler.get_scale() if scaler is not None else 1.0)

        def on_before_optimizer_step(self, trainer, module, optimizer):
            # With several optimisers the first one's call is the one at x_k.
            if not self.is_pending:
                self.recorder.before_step(self.update, self.loss)
            self.is_pending, self.loss = True, None

        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            if self.is_pending:
                self.recorder.after_step()
                self.update, self.is_pending = self.update + 1, False

        def on_train_end(self, trainer, module):
            self.recorder.close()

        def on_exception(self, trainer, module, exception):
            if self.recorder:
                self.recorder.close("interrupted")

    return RecorderCallback()


def hugging_face_callback(path, capacity, every=None, **options):
    """A callback for Trainer(callbacks=[…]) of Hugging Face that records every n-th update; without `every` they are spread over the training.
    Options are those of Recorder.

    The Trainer hands over gradients after clipping, so that their norm is recorded only where max_grad_norm is 0; and losses only of
    models that return one and without accumulation of gradients."""
    from transformers import TrainerCallback

    class RecorderCallback(TrainerCallback):
        recorder, handle, loss = None, None, None

        def on_train_begin(self, args, state, control, model=None, optimizer=None, **rest):
            self.hides_norm = bool(args.max_grad_norm or args.fp16)
            if self.hides_norm and options.get("store_gradients"):
                raise ValueError("store_gradients: the Trainer hands over gradients after clipping, and in fp16 multiplied; set max_grad_norm=0 "
                                 "and fp16=False")
            planned = state.max_steps if every is None and state.max_steps > 0 else None
            settings = dict(clip_norm=args.max_grad_norm or None, iterations=planned, optimizer={
                "algorithm": str(getattr(args.optim, "value", args.optim)), "learning_rate": args.learning_rate})
            self.recorder = Recorder(path, model, capacity, every, **{**settings, **options})
            self.update = state.global_step
            if args.gradient_accumulation_steps == 1:
                self.handle = _unwrapped(model).register_forward_hook(self._keep)

        def _keep(self, module, inputs, outputs):
            found = outputs.get("loss") if hasattr(outputs, "get") else None
            self.loss = found.detach() if module.training and found is not None else self.loss

        def on_pre_optimizer_step(self, args, state, control, optimizer=None, **rest):
            # Groups with and without weight decay have one rate; where there are several, none is that of the step.
            rates = {float(group["lr"]) for group in optimizer.param_groups if group["params"]} if optimizer is not None else set()
            norm = "unknown" if self.hides_norm else None
            self.recorder.before_step(self.update, self.loss, gradient_norm=norm, learning_rate=rates.pop() if len(rates) == 1 else None)
            self.loss = None

        def on_optimizer_step(self, args, state, control, **rest):
            self.recorder.after_step()
            self.update += 1

        def on_train_end(self, args, state, control, **rest):
            if self.handle:
                self.handle.remove()
            self.recorder.close()

    return RecorderCallback()
