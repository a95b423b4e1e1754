

# Recording ----------------------------------------------------------------------------------------------------------------


class Recorder:
    """Saves x_k, x_{k+1} and the history of a training loop into a run file. Nothing that is counted in the file is lost when the process dies.

    path: the run file; must not exist unless overwrite=True.
    parameters: model.named_parameters(), the model itself, or a pytree of JAX or NumPy arrays. Only parameters that are trained are
        saved, tied ones once, 16-bit ones widened to 32.
    capacity: how many steps there is room for. every: iterations 0, n, 2n, … are saved; those after `capacity` of them are not, or go to other files.
    files: how many files of that capacity there may be: after run.h5 come run.2.h5, run.3.h5, …, each a whole run file, made when the one before is
        full. Only the first has the losses of iterations that are not saved.
    iterations: how many there will be, where it is known: without `every` the steps are then spread over all of them, and the history goes on to
        the end. Without either every iteration is saved.
    pairs: saves both ends of every step though every=1. Otherwise x_{k+1} of an iteration is x_k of the next one and stands in the file once;
        then no iteration may be left out, and nothing but the optimiser may change the parameters.
    optimizer: a dictionary that says how x_{k+1} comes from x_k (algorithm, learning_rate, clip_norm, beta, …), or the torch
        optimiser itself, whose learning rate is then read at every step, and the loss and gradient of the first evaluation of a closure.
    description: of the model, in words. objective: in its place a whole description in JSON's terms, of an objective that smoothness can
        make itself.
    fixed_subset: a FixedSubset, for an estimate without the model.
    store_gradients: saves the minibatch gradient of saved iterations as well, before clipping: where before_step comes after it, with the
        gradient_norm that clip_grad_norm_ returned, it is made as long again.
    history: False saves time: the losses and step norms of iterations that are not saved are left out.
    gradient_scale: what gradients are multiplied with at before_step: a number, a function, or the GradScaler itself.

    Only the first process of a distributed run writes; in all others every call does nothing. Recording never stops a training run: where it
    cannot go on it says so once, ends the file in order, and lets the training go on.
    """

    def __init__(self, path, parameters, capacity, every=None, optimizer=None, *, description=None, objective=None, clip_norm=None, fixed_subset=None,
                 store_gradients=False, history=True, gradient_scale=1.0, iterations=None, pairs=False, overwrite=False,
                 quiet=False, files=1):
        if every is None:
            every = max(1, -(-iterations // (capacity * files))) if iterations and capacity > 0 and files > 0 else 1
        if capacity < 1 or every < 1 or files < 1:
            raise ValueError(f"capacity, every and files must be 1 or more, not {capacity}, {every} and {files}")
        stem, ending = os.path.splitext(os.path.abspath(path))
        self.paths = [f"{stem}.{number}{ending}" if number > 1 else stem + ending for number in range(1, files + 1)]
        self.path, self.every, self.quiet, self.number = self.paths[0], every, quiet, 1
        self.capacity, self.consecutive, self.iterations = capacity, every == 1 and not pairs, iterations or 0
        self._plan(0)
        self.keeps_history, self.store_gradients, self.fixed = history, store_gradients, fixed_subset
        self.gradient_scale, self.description, self.objective = gradient_scale, description, objective
        if type(parameters).__name__ == "AveragedModel":
            raise TypeError("an AveragedModel holds averages, which no step of the optimiser makes: record the model itself")
        self.parameters = parameters if hasattr(parameters, "counts") else _parameters(parameters)
        self.active = self.parameters.is_writer
        self.is_torch = hasattr(self.parameters, "tensors")
        self.live = _Optimizer(optimizer, self.parameters) if hasattr(optimizer, "param_groups") and self.is_torch else None
        self.gradients = _Gradients(self.parameters.tensors) if self.is_torch else None
        if self.live and self.live.scaler is not None and gradient_scale == 1.0:
            self.gradient_scale = self.live.scaler
        self.settings = _settings(optimizer, self.live, clip_norm)
        self.clip_norm = self.settings.get("clip_norm")
        self.file, self.row, self.counted, self.pending, self.last = None, 0, 0, None, None
        self.spent, self.began, self.next_k, self.done, self.told = 0.0, None, 0, None, set()
        self.parts, self.counts_updates, self.mark = [], False, None
        for described in (self.settings, objective):
            # What cannot be written is told here, not at the first step.
            json.dumps(described)
        if not self.active:
            return
        self._look_at_optimizer()
        for standing in filter(os.path.exists, self.paths):
            if not overwrite:
                raise FileExistsError(f"{standing} exists: name another file, or pass overwrite=True")
        if not os.path.isdir(os.path.dirname(self.path)):
            raise FileNotFoundError(f"there is no folder {os.path.dirname(self.path)}: create it first")
        width = sum(self.parameters.counts)
        groups = fixed_subset.group_count if fixed_subset else 0
        ends = (capacity + 1 if self.consecutive else 2 * capacity) * (1 + (1 + groups if fixed_subset else 0))
        needed = (ends + bool(store_gradients) * capacity) * width * self.parameters.dtype.itemsize
        disk = os.statvfs(os.path.dirname(self.path))
        if needed > disk.f_bavail * disk.f_frsize:
            raise OSError(28, f"the recording needs {needed / 1e9:.1f} GB and the disk has {disk.f_bavail * disk.f_frsize / 1e9:.1f}: lower capacity",
                          self.path)
        steps = f"1 step in {every}" if every > 1 else "every step"
        reach = capacity * every * files
        size = f"{needed / 1e6:,.1f} MB" + (f" in each of up to {files} files" if files > 1 else "")
        self._print(f"recording {steps} of {min(reach, iterations or reach):,} iterations, of {width:,} parameters, {size} → {self.path}")
        self.x, self.y = (np.zeros(width, self.parameters.dtype) for _ in range(2))
        self.g = np.zeros(width, self.parameters.dtype) if store_gradients else None

    def _plan(self, first):
        """Rows from iteration `first` on, and the length of the history."""
        self.saved = [first + row * self.every for row in range(self.capacity)]
        self.total = max(self.iterations, self.saved[-1] + self.every)

    def _print(self, text):
        if not self.quiet:
            _say(text)

    def _warn(self, key, text):
        """Says it once."""
        if key not in self.told:
            self.told.add(key)
            _say(text)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close(None if kind is None else "interrupted")

    # The two calls of a training loop

    def before_step(self, k=None, loss=None, *, gradient_norm=None, learning_rate=None, clipped=None, parameters=None, gradients=None):
        """Call when the gradient of iteration k is there and the parameters are still x_k; before clipping, or with the
        gradient_norm that clip_grad_norm_ returned ("unknown" leaves it out). k counts updates of the parameters, from 0; left out: one more than before. JAX: pass the
        parameters, and the gradients where their norm or they themselves are to be saved."""
        if self.live is not None and self.live.is_accumulating():
            # No update: the next one's loss is the mean of all of its parts.
            self.parts.append((k, loss.detach() if hasattr(loss, "detach") else loss))
            return
        k, loss = self._whole(k, loss)
        latest, self.next_k = self.next_k - 1, k + 1
        if not self.active:
            return
        began = time.perf_counter()
        if self.began is None:
            self.began = began
        try:
            if k < latest or k == self.done:
                raise ValueError(f"k came as {k} after {latest}: it counts the updates of the whole training. Leave it out, and they are counted")
            if self.pending is not None:
                self._warn("after", f"after_step was not called after before_step({self.pending['k']}): without it nothing is saved")
            self._before(k, loss, gradient_norm, learning_rate, clipped, parameters, gradients)
        except Exception as error:
            self._stop(f"recording stopped at iteration {k}: {type(error).__name__}: {error}")
        self.spent += time.perf_counter() - began

    def _whole(self, k, loss):
        """The iteration and the loss of an update; where accelerate accumulates, k counts batches, or updates."""
        if self.parts and not self.counts_updates:
            self.counts_updates = True
            counts_batches = any(part != k for part, _ in self.parts)
            self.next_k = self.next_k if k is None or counts_batches else int(k)
            if k is not None and counts_batches:
                self._warn("batches", f"accelerate makes one update of {len(self.parts) + 1} batches: k counts batches here, and updates are counted in its place")
        losses, self.parts = [part for _, part in self.parts] + [loss.detach() if hasattr(loss, "detach") else loss], []
        if len(losses) > 1:
            loss = None if any(part is None for part in losses) else sum(float(part) for part in losses) / len(losses)
        return self.next_k if k is None or self.counts_updates else int(k), loss

    def _look_at_optimizer(self):
        """Refuses, or remarks once, what is not the optimiser's step of these parameters."""
        remark = self.live.require_own() if self.live is not None else None
        if remark:
            self._warn(remark, remark)

    def after_step(self, *, parameters=None):
        """Call when the parameters are x_{k+1}."""
        if not self.active or self.pending is None:
            return
        began = time.perf_counter()
        try:
            self._after(parameters)
        except Exception as error:
            self._stop(f"recording stopped: {type(error).__name__}: {error}")
        if self.pending is not None:
            self.done = self.pending["k"]
        self.pending = None
        self.spent += time.perf_counter() - began

    def _scale(self):
        scale = self.gradient_scale
        if hasattr(scale, "get_scale"):
            # A GradScaler whose unscale_(optimizer) was called has the gradients as they are.
            stages = [state.get("stage") for state in getattr(scale, "_per_optimizer_states", {}).values()]
            return 1.0 if any(getattr(stage, "name", "") == "UNSCALED" for stage in stages) else float(scale.get_scale())
        return float(scale() if callable(scale) else scale)

    def _before(self, k, loss, norm, rate, clipped, tree, gradients):
        if self.row == self.capacity and k >= self.saved[-1] + self.every and k % self.every == 0 and self.number < len(self.paths):
            self._continue()
        if self.file is None and k % self.every == 0:
            # A training that goes on where another one ended does not begin with 0.
            self._plan(k)
            self.first = k if self.number == 1 else self.first
        is_saved = self.row < self.capacity and k >= self.saved[self.row] and k % self.every == 0
        has_history = self.keeps_history and k == self.counted and k < self.total
        if self.row == self.capacity and k >= self.saved[-1] + self.every:
            where = self.path if self.number == 1 else f"{self.path}, the last of {self.number} files,"
            self._warn("full", f"{where} has no room for more than {self.capacity} steps: none is saved from iteration {k} on; training goes on")
        if is_saved and k >= self.total:
            raise ValueError(f"there are iterations left out, and {k} is beyond the {self.total} that the file has room for: say how many there "
                             "will be, with iterations=…")
        if is_saved and self.consecutive and self.row > 0 and k != self.last + 1:
            raise ValueError(f"every=1 saves every iteration, and after {self.last} came {k}: record with every={k - self.last}, or with pairs=True")
        if not is_saved and not has_history:
            return
        if rate is None:
            rate = self.live.learning_rate() if self.live else self.settings.get("learning_rate")
        if self.is_torch:
            self._look_at_parameters(k, is_saved)
        scale, never = self._scale(), set()
        if isinstance(norm, str):
            norm, never = None, {"gradient_norm"}
        elif norm is not None:
            norm = float(norm)
        elif gradients is not None:
            flat = np.zeros_like(self.x)
            self.parameters.gradients(flat, gradients)
            norm = float(np.linalg.norm(flat.astype("f8"))) / scale
        elif not (self.is_torch and self.gradients.are_old()):
            norm = self.parameters.gradient_norm()
            norm = None if norm is None else norm / scale
        numbers = {"loss": loss, "gradient_norm": norm, "learning_rate": rate}
        if self.file is None:
            self._create(numbers, never, clipped)
        if is_saved or not hasattr(self.parameters, "copies"):
            self.parameters.read(self.x, tree)
            before = None
        else:
            before = self.parameters.copies()
        has_gradient = norm is not None or "gradient_norm" in never or gradients is not None
        if is_saved:
            self._save_before(k)
            if self.store_gradients and has_gradient:
                self._save_gradient(gradients, scale, norm)
        self.pending = {"k": k, "is_saved": is_saved, "has_history": has_history, "before": before, "numbers": numbers, "clipped": clipped,
                        "scale": scale, "has_gradient": has_gradient}
        numbers["loss"] = None if loss is None else float(loss.detach() if hasattr(loss, "detach") else loss)

    def _look_at_parameters(self, k, is_saved):
        """Refuses parameters that are not those of the file, or not where the gradient was taken."""
        if self.live is not None:
            self.live.require_gradient_point()
            if self.file is None:
                self.live.watch(self._first_evaluation)
        if not is_saved:
            return
        self._look_at_optimizer()
        self.parameters.require_unchanged()
        if self.mark is not None and self.mark[0] == k and self.mark[1].tobytes() != self.parameters.sample().tobytes():
            self._warn("moved", f"the parameters changed between after_step and before_step({k}): where this is the middle of a step, as of SAM, call before_step "
                       "before its first half; an average that was swapped in must be swapped out again")

    def _first_evaluation(self, closure):
        """A closure in the place of the one that an optimiser is given: the first evaluation, at x_k, tells the loss and the gradient."""
        waiting = self.pending
        if waiting is None or waiting["numbers"]["loss"] is not None and waiting["has_gradient"]:
            return None

        def watched(*arguments, **named):
            is_first, waiting["is_asked"] = not waiting.get("is_asked"), True
            is_at_x = is_first and (self.parameters.are(self.x) if waiting["before"] is None else self.parameters.step_norm(waiting["before"]) == 0)
            value = closure(*arguments, **named)
            if is_at_x and self.pending is waiting:
                try:
                    self._evaluated(waiting, value)
                except Exception as error:
                    self._stop(f"recording stopped: {type(error).__name__}: {error}")
            return value
        return watched

    def _evaluated(self, waiting, value):
        numbers = waiting["numbers"]
        if numbers["loss"] is None and value is not None:
            numbers["loss"] = float(value.detach() if hasattr(value, "detach") else value)
        if not waiting["has_gradient"]:
            norm = self.parameters.gradient_norm()
            if norm is None:
                return
            waiting["has_gradient"], numbers["gradient_norm"] = True, norm / waiting["scale"]
            if waiting["is_saved"] and self.store_gradients:
                self._save_gradient(None, waiting["scale"], numbers["gradient_norm"])

    def _create(self, numbers, never, clipped):
        """At the first step it is known which numbers there will be: those that are not known then, and that no closure can bring."""
        unknown = {name for name, value in numbers.items() if value is None and not (self.live and name != "learning_rate")} | never
        if self.clip_norm and clipped is None and numbers["gradient_norm"] is None:
            unknown.add("clipped")
        objective = {"kind": "external", "description": self.description or f"a model of {len(self.parameters.names)} blocks of parameters",
                     "software": self.parameters.software}
        if self.parameters.frozen:
            objective["frozen"] = self.parameters.frozen
        self.file = RunFile(self.path, self.parameters, self.saved, self.total, self.objective or objective, self.settings, unknown, self.store_gradients, self.fixed, self.consecutive)

    def _continue(self):
        """In the next file, where this one is full."""
        full = self.path
        self.file.close("complete")
        self.path, self.number = self.paths[self.number], self.number + 1
        self.file, self.row, self.counted, self.last = None, 0, 0, None
        self._print(f"{full} is full with {self.capacity} steps: going on in {self.path}")

    def _save_before(self, k):
        follows = self.row > 0 and self.last == k - 1 and self.x.tobytes() == self.y.tobytes()
        if self.consecutive and self.row > 0 and not follows:
            raise RuntimeError("the parameters changed between after_step and before_step (an average swapped in, a checkpoint loaded?); "
                               "pairs=True allows that")
        if not (self.consecutive and follows):
            self.file.put("/trajectory/iterate", self.row, self.x)
        if self.fixed and not (self.consecutive and follows):
            # The gradient where the step before ended is known.
            self._put_fixed(self.fixed_end if follows else self.fixed.evaluate(), lambda name, data: self.file.put("/fixed_subset/" + name, self.row, data))

    def _save_gradient(self, gradients, scale, norm):
        self.parameters.gradients(self.g, gradients)
        if scale != 1:
            self.g /= scale
        length = float(np.linalg.norm(self.g.astype("f8")))
        if norm is not None and 0 < length < norm * (1 - 1e-3) and math.isfinite(norm):
            # It was clipped before it came here.
            self.g *= norm / length
        self.file.put("/trajectory/gradient", self.row, self.g)

    def _put_fixed(self, found, put):
        self.fixed_end = found
        loss, gradient, groups = found
        put("gradient", gradient)
        put("loss", [loss])
        if self.fixed.group_count:
            put("group_gradient", groups)

    def _after(self, tree):
        k, is_saved, has_history, before, known, clipped, has_gradient = (
            self.pending[name] for name in ("k", "is_saved", "has_history", "before", "numbers", "clipped", "has_gradient"))
        if before is None:
            self.parameters.read(self.y, tree)
            step = step_norm(self.x, self.y, self.parameters.counts)
        else:
            step = self.parameters.step_norm(before)
        if is_saved and self.store_gradients and not has_gradient:
            raise ValueError("store_gradients: there was no new gradient at before_step, nor in a closure: call before_step after backward()")
        known = {name: float(value) for name, value in known.items() if value is not None}
        norm = known.get("gradient_norm")
        if clipped is None:
            clipped = bool(self.clip_norm and norm is not None and norm > self.clip_norm)
        # What is not known is no number, and says nothing of the row.
        is_finite = math.isfinite(step) and all(map(math.isfinite, known.values()))
        status = 1 if not is_finite else 2 if step == 0 else 0
        if status == 2 and norm and known.get("learning_rate") != 0:
            self._warn("still", f"the step of iteration {k} did not move the parameters, and there was a gradient: where gradients are accumulated, call before_step "
                       "and after_step around the updates only")
        values = {name: math.nan if name in self.file.unknown else known.get(name, math.nan) for name in RunFile.MAYBE}
        values.update(step_norm=step, clipped=0 if "clipped" in self.file.unknown else int(clipped), status=status)
        if self.is_torch:
            self.gradients.mark()
            self.mark = (k + 1, self.parameters.sample()) if self.row < self.capacity and (k + 1) % self.every == 0 else None
        if is_saved:
            self.file.put_next("/trajectory/", "iterate", self.row, self.y)
            if self.fixed:
                self._put_fixed(self.fixed.evaluate(), lambda name, data: self.file.put_next("/fixed_subset/", name, self.row, data))
            self._put("/trajectory/", self.row, values)
            self.file.put("/trajectory/iteration", self.row, [k])
        if has_history:
            self._put("/history/", k, values)
            self.counted += 1
            self.file.put("/history/commit", 0, [self.counted])
        if is_saved:
            self.row += 1
            self.last = k
            self.file.put("/commit", 0, [self.row])

    def _put(self, group, row, values):
        for name, value in values.items():
            self.file.put(group + name, row, [value])

    # The end

    def _stop(self, reason):
        self.active, self.pending = False, None
        if self.live is not None:
            self.live.release()
        _say(reason)
        self._finish("interrupted")

    def _finish(self, state):
        if self.file is None:
            return
        try:
            self.file.close(state)
        except Exception as error:
            _say(f"{self.path} could not be closed in order ({error}); what is counted in it is whole")
        place = self.file.place
        self.file, self.active = None, False
        if self.began is not None:
            whole = max(time.perf_counter() - self.began, 1e-9)
            count, where = (self.number - 1) * self.capacity + self.row, "" if self.number == 1 else f"{self.number} files, the last of them "
            self._print(f"recorded {count} steps in {where}{place}: {self.spent:.2f} s of {whole:.2f} s of training, {100 * self.spent / whole:.1f} %")
            if "full" in self.told:
                first, reached = self.first, self.next_k - self.first
                self._print(f"they reach from iteration {first} to {self.last}, of {self.next_k:,}: every={-(-reached // count)}, or "
                            f"iterations={self.next_k} without every, spreads {count} steps over all of them; files={-(-reached // (self.capacity * self.every))} has room for all")

    def close(self, state=None):
        """Ends the file: `complete`, or `interrupted` where the training was."""
        if self.live is not None:
            self.live.release()
        if self.file is not None:
            self._finish(state or "complete")
        elif self.active and self.row == 0:
            why = f"no k was a multiple of every={self.every}" if self.began is not None else "before_step was not called"
            self._print(f"nothing was recorded: {why}, and there is no {self.path}")
        self.active = False
