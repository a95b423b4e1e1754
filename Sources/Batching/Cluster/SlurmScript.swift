import Essentials
import Foundation

/// What a Slurm job asks for. Everything that is not said is the site's default.
public struct SlurmOptions: Sendable, Equatable {
    public var partition: String?
    public var account: String?
    public var qualityOfService: String?
    /// Of a task, as sbatch takes it: minutes, `hours:minutes:seconds`, `days-hours`.
    public var time: String?
    /// How many tasks the array has; `nil`: as many as there is half an hour of work for, at most 1,000.
    public var arraySize: Int?
    /// How many of them may run at the same time.
    public var mostRunning: Int?
    public var gpus: String?
    public var processors: Int?
    public var memory: String?
    /// Further options of sbatch, as `--constraint=avx512`.
    public var further: [String]

    public init(
        partition: String? = nil, account: String? = nil, qualityOfService: String? = nil, time: String? = nil,
        arraySize: Int? = nil, mostRunning: Int? = nil, gpus: String? = nil, processors: Int? = nil,
        memory: String? = nil, further: [String] = []
    ) {
        self.partition = partition
        self.account = account
        self.qualityOfService = qualityOfService
        self.time = time
        self.arraySize = arraySize
        self.mostRunning = mostRunning
        self.gpus = gpus
        self.processors = processors
        self.memory = memory
        self.further = further
    }

    /// How many tasks there will be.
    func tasks(_ manifest: BatchManifest) -> Int {
        let work = manifest.units.reduce(0) { $0 + $1.expectedSeconds }
        let wanted = arraySize ?? (work > 0 ? Int(min(1000, (work / 1800).rounded(.up))) : 1000)
        return max(1, min(wanted, manifest.units.count))
    }
}

/// The two scripts of a submission: ordinary files that can be read and changed.
public struct SlurmScripts: Sendable, Equatable {
    public var job: String
    public var merge: String
    public var tasks: Int

    /// - Parameters:
    ///   - program: the path of `smoothness` on the nodes.
    ///   - mergeArguments: further arguments of `batch merge`.
    /// - Throws: `SmoothnessError(.usage)` for an option that no line can hold.
    public init(
        _ folder: PlanFolder, manifest: BatchManifest, options: SlurmOptions, program: String,
        mergeArguments: [String] = []
    ) throws {
        tasks = options.tasks(manifest)
        let name = Self.jobName(of: folder)
        let running = options.mostRunning.map { "%\($0)" } ?? ""
        let asked = [
            options.partition.map { "--partition=\($0)" }, options.account.map { "--account=\($0)" },
            options.qualityOfService.map { "--qos=\($0)" },
        ]
        let askedOfTasks = [
            options.time.map { "--time=\($0)" }, options.gpus.map { "--gpus=\($0)" },
            options.processors.map { "--cpus-per-task=\($0)" }, options.memory.map { "--mem=\($0)" },
        ]
        let always = ["--open-mode=append", "--requeue", "--signal=B:USR2@60", "--nodes=1", "--ntasks=1"]
        let (array, log) = Self.output(
            folder, "/slurm-%A_%a.out", "/slurm-${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}.out")
        let all = (asked + askedOfTasks).compactMap(\.self) + options.further
        job = try Self.script(
            ["--job-name=\(name)", "--array=1-\(tasks)\(running)"] + always + all, output: array,
            log + Self.body(plan: Escaping.shell(folder.path), program: Escaping.shell(program), tasks: tasks))
        let (mergeOutput, mergeLog) = Self.output(folder, "/slurm-%j-merge.out", "/slurm-${SLURM_JOB_ID}-merge.out")
        merge = try Self.script(
            ["--job-name=\(name)-merge"] + always + asked.compactMap(\.self), output: mergeOutput,
            mergeLog
                + Self.mergeBody(
                    program: Escaping.shell(program), arguments: Escaping.shell([folder.path] + mergeArguments)))
    }

    /// What of a folder's name is a plain word: a name of a job stands in lists and in names of files.
    private static func jobName(of folder: PlanFolder) -> String {
        let word = URL(filePath: folder.path).lastPathComponent.unicodeScalars.map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains(scalar))
                ? Character(scalar) : "_"
        }
        return "smoothness-" + String(word.prefix(64))
    }

    /// The option that sends what a job says into the folder of the plan. A path that no such option can name is opened by the script itself.
    private static func output(_ folder: PlanFolder, _ pattern: String, _ name: String) -> (
        option: String, line: String
    ) {
        if let logs = Escaping.slurmPattern(path: folder.logs) { return ("--output=\(logs)\(pattern)", "") }
        return ("--output=/dev/null", "\nexec >>\(Escaping.shell(folder.logs))\"\(name)\" 2>&1\n")
    }

    /// - Throws: `SmoothnessError(.usage)` for an option that no line can hold.
    private static func script(_ options: [String], output: String, _ body: String) throws -> String {
        let lines = try ([output] + options).map { option in
            guard let line = Escaping.slurm(option) else {
                throw SmoothnessError(
                    .usage, "is no option of sbatch", object: option, expected: "one line without control characters")
            }
            return line
        }
        return head(lines) + body
    }

    private static func head(_ options: [String]) -> String {
        "#!/bin/bash\n" + options.map { "#SBATCH \($0)\n" }.joined()
            + """

            # Written by `smoothness batch submit`. Change what you like: from then on it is used as it is (submit --force writes it anew).

            """
    }

    /// Passes signals on to the worker, also one that comes before there is a worker.
    private static let listen = #"""
        forward() { stopped=1; if [ -n "$worker" ]; then kill -TERM "$worker" 2>/dev/null; fi; }
        trap forward TERM INT USR2
        """#

    /// Waits for the worker that was started last, and leaves its exit code in `code`.
    private static let wait = #"""
        worker=$!
        if [ -n "$stopped" ]; then forward; fi
        # A signal ends `wait` early.
        wait "$worker"; code=$?
        while kill -0 "$worker" 2>/dev/null; do wait "$worker"; code=$?; done
        wait "$worker" 2>/dev/null; last=$?
        if [ "$last" != 127 ]; then code=$last; fi
        # Asked to stop before it listened to signals.
        if [ -n "$stopped" ] && [ "$code" -gt 128 ] && [ "$code" != 137 ]; then code=75; fi
        """#

    /// - Parameters: `plan` and `program` are words of the shell already: what they hold is put in once and not looked at again.
    private static func body(plan: String, program: String, tasks: Int) -> String {
        #"""

        plan=\#(plan)
        program=\#(program)

        # The worker stops within ten seconds of SIGTERM, and what is done is published then. Slurm signals this script: 60 seconds before the
        # time limit (USR2), and when the task is preempted or cancelled (TERM).
        \#(listen)

        # One that was called off by `smoothness batch cancel` does not come back.
        mark() { stat -c %y "$plan/cancelled" 2>/dev/null; }
        before=$(mark)

        # Task i takes the i-th of \#(tasks) shares, so that `sbatch --array=3,7 job.sh` does two of them again.
        "$program" batch run "$plan" --shard auto/\#(tasks) &
        \#(wait)

        # 75: stopped in the middle. The task goes back into the queue, unless it was cancelled or has been there very often.
        if [ "$code" = 75 ] && [ "$(mark)" = "$before" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 1000 ] &&
            scontrol --oneliner show job "$SLURM_JOB_ID" | grep -q 'JobState=RUNNING'; then
            echo "$(date -u +%FT%TZ) stopped in the middle; asking for another turn"
            scontrol requeue "$SLURM_JOB_ID" || echo "this site does not requeue: give smoothness batch submit again"
        fi
        exit "$code"

        """#
    }

    private static func mergeBody(program: String, arguments: String) -> String {
        #"""

        # A merge that is preempted, or comes to its time limit, begins again where it was.
        \#(listen)
        \#(program) batch merge \#(arguments) &
        \#(wait)

        # Without a signal, 75 says that runs are not finished.
        if [ "$code" = 75 ] && [ -n "$stopped" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 1000 ] &&
            scontrol --oneliner show job "$SLURM_JOB_ID" | grep -q 'JobState=RUNNING'; then
            scontrol requeue "$SLURM_JOB_ID"
        fi
        exit "$code"

        """#
    }
}
