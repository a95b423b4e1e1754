

# Optimisers ---------------------------------------------------------------------------------------------------------------


def _plain(value):
    """In JSON's terms: numbers of NumPy, PyTorch and JAX as numbers, what is none of them in words."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "item") and (value.numel() if hasattr(value, "numel") else value.size) == 1:
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _settings(optimizer, live, clip_norm):
    """The description of an optimiser: of a dictionary, or of what a live one says."""
    settings = live.settings() if live is not None else _plain(dict(optimizer)) if isinstance(optimizer, dict) else {}
    if clip_norm is not None:
        settings["clip_norm"] = float(clip_norm)
        if settings.get("algorithm") == "sgd":
            settings["algorithm"] = "clipping"
    return settings


class _Optimizer:
    """What a recorder asks a torch optimiser: its settings, whether a call is an update, and the first evaluation of a closure."""

    def __init__(self, optimizer, parameters):
        self.outer, self.parameters = optimizer, parameters
        # Inside the wrappers of accelerate and Lightning.
        while type(optimizer).__name__ == "AcceleratedOptimizer" or hasattr(optimizer, "_optimizer"):
            optimizer = getattr(optimizer, "_optimizer", None) or optimizer.optimizer
        self.inner, self.handle, self.checked = optimizer, None, None
        # accelerate's, whose gradients are multiplied until the step.
        self.scaler = getattr(self.outer, "scaler", None)

    @property
    def groups(self):
        """The groups of parameters that are trained."""
        return [group for group in self.inner.param_groups if any(tensor.requires_grad for tensor in group["params"])] or self.inner.param_groups

    def learning_rate(self):
        """None where groups of parameters have several."""
        rates = {float(group["lr"]) for group in self.groups if group.get("lr") is not None}
        return rates.pop() if len(rates) == 1 else None

    def settings(self):
        name, group, rate = type(self.inner).__name__, self.groups[0], self.learning_rate()
        plain = {key: value for key, value in group.items() if isinstance(value, (bool, int, float, str))}
        momentum = group.get("momentum")
        is_plain_momentum = momentum and not group.get("nesterov") and not group.get("dampening")
        algorithm = {"sgd": "heavy-ball" if is_plain_momentum else "sgd with momentum" if momentum else "sgd"}.get(name.lower(), name.lower())
        settings = {"algorithm": algorithm, "torch": {"class": name, **plain}}
        if rate is not None:
            settings["learning_rate"] = rate
        elif any("lr" in group for group in self.groups):
            settings["torch"].pop("lr", None)
            settings["learning_rates"] = [float(group["lr"]) for group in self.groups if group.get("lr") is not None]
        if is_plain_momentum:
            settings["beta"] = float(momentum)
        if "train_mode" in group:
            settings["iterates"] = "y of schedule-free, where gradients are taken; its average is another sequence"
        return settings

    def require_own(self):
        """Refuses an optimiser that trains other tensors than are recorded."""
        trained = {id(tensor): tensor for group in self.inner.param_groups for tensor in group["params"] if tensor.requires_grad}
        if self.checked == trained.keys():
            return None
        self.checked = set(trained)
        own = dict(zip(map(id, self.parameters.tensors), self.parameters.names))
        foreign = [list(tensor.shape) for key, tensor in trained.items() if key not in own]
        left = [name for key, name in own.items() if key not in trained]
        if foreign and len(left) < len(own):
            raise ValueError(
                f"the optimiser trains {len(foreign)} tensors that are not recorded (of shape {foreign[0]}{', …' if len(foreign) > 1 else ''})"
                + (f", and does not have {_listed(left)}" if left else "")
                + ": a module was exchanged, tied or converted after one of them was made, or only a part is recorded. Make the model, then the optimiser, "
                "then the recorder, with all of model.named_parameters()")
        if foreign:
            return ("none of the recorded parameters is in the optimiser: where they are a copy or an average of what it trains (EMA, AveragedModel), record the "
                    "model itself")
        if left:
            return f"the optimiser does not have {_listed(left)}, and does not move them"
        return None

    def require_gradient_point(self):
        """Refuses parameters at which no gradient is taken."""
        if any(group.get("train_mode") is False for group in self.inner.param_groups):
            raise RuntimeError("the schedule-free optimiser is in eval mode: the parameters are its averages, and not where the gradient was taken. Call "
                               "optimizer.train() before the step")

    def is_accumulating(self):
        """Whether accelerate only adds up gradients this time, and its step does nothing."""
        return getattr(getattr(self.outer, "gradient_state", None), "sync_gradients", True) is False

    def watch(self, first_evaluation):
        """Has a closure that is passed to step(…) told of: first_evaluation(closure) → the closure to call, or None."""
        def before(optimizer, arguments, named):
            place = 1 if arguments and arguments[0] is optimizer else 0
            closure = arguments[place] if len(arguments) > place else named.get("closure")
            watched = first_evaluation(closure) if callable(closure) else None
            if watched is None:
                return None
            if len(arguments) > place:
                return (*arguments[:place], watched, *arguments[place + 1:]), named
            return arguments, {**named, "closure": watched}

        if self.handle is None and hasattr(self.inner, "register_step_pre_hook"):
            try:
                self.handle = self.inner.register_step_pre_hook(before)
            except AttributeError:
                # Made without the initialiser of torch.optim.Optimizer.
                pass

    def release(self):
        if self.handle is not None:
            self.handle.remove()
        self.handle = None


class _Gradients:
    """Whether the gradients of torch parameters are new ones since the last step."""

    def __init__(self, tensors):
        self.tensors, self.seen = tensors, None

    def mark(self):
        import weakref

        self.seen = [(weakref.ref(tensor.grad), tensor.grad._version) for tensor in self.tensors if tensor.grad is not None]

    def are_old(self):
        """Whether they are those of the last step, untouched: then they belong to another point."""
        now = [tensor.grad for tensor in self.tensors if tensor.grad is not None]
        return bool(self.seen) and len(now) == len(self.seen) and all(
            kept() is gradient and version == gradient._version for (kept, version), gradient in zip(self.seen, now))
