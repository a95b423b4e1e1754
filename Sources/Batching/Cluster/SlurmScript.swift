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
    public init(
        _ folder: PlanFolder, manifest: BatchManifest, options: SlurmOptions, program: String,
        mergeArguments: [String] = []
    ) {
        tasks = options.tasks(manifest)
        let name = "smoothness-" + URL(filePath: folder.path).lastPathComponent.filter { !$0.isWhitespace }
        let running = options.mostRunning.map { "%\($0)" } ?? ""
        let common = [
            options.partition.map { "--partition=\($0)" }, options.account.map { "--account=\($0)" },
            options.qualityOfService.map { "--qos=\($0)" },
        ].compactMap(\.self)
        let own = [
            "--job-name=\(name)", "--array=1-\(tasks)\(running)",
            "--output=\(Self.quoted(folder.logs))/slurm-%A_%a.out",
            "--open-mode=append", "--requeue", "--signal=B:USR2@60", "--nodes=1", "--ntasks=1",
        ]
        let asked = [
            options.time.map { "--time=\($0)" }, options.gpus.map { "--gpus=\($0)" },
            options.processors.map { "--cpus-per-task=\($0)" }, options.memory.map { "--mem=\($0)" },
        ].compactMap(\.self)
        job =
            Self.head(own + common + asked + options.further)
            + Self.waiting(Self.body).replacing("@plan@", with: Self.shellQuoted(folder.path))
            .replacing("@program@", with: Self.shellQuoted(program)).replacing("@tasks@", with: "\(tasks)")
        let merging = ([folder.path] + mergeArguments).map(Self.shellQuoted).joined(separator: " ")
        merge =
            Self.head(
                [
                    "--job-name=\(name)-merge", "--output=\(Self.quoted(folder.logs))/slurm-%j-merge.out",
                    "--open-mode=append", "--requeue", "--signal=B:USR2@60", "--nodes=1", "--ntasks=1",
                ] + common)
            + Self.waiting(Self.mergeBody).replacing("@program@", with: Self.shellQuoted(program))
            .replacing("@arguments@", with: merging)
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

    private static func waiting(_ body: String) -> String {
        body.replacing("@listen@", with: listen).replacing("@wait@", with: wait)
    }

    private static let body = #"""

        plan=@plan@
        program=@program@

        # The worker stops within 20 seconds of SIGTERM, and what is done is published then. Slurm signals this script: 60 seconds before the
        # time limit (USR2), and when the task is preempted or cancelled (TERM).
        @listen@

        # One that was called off by `smoothness batch cancel` does not come back.
        mark() { stat -c %y "$plan/cancelled" 2>/dev/null; }
        before=$(mark)

        # Task i takes the i-th of @tasks@ shares, so that `sbatch --array=3,7 job.sh` does two of them again.
        "$program" batch run "$plan" --shard auto/@tasks@ &
        @wait@

        # 75: stopped in the middle. The task goes back into the queue, unless it was cancelled or has been there very often.
        if [ "$code" = 75 ] && [ "$(mark)" = "$before" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 1000 ] &&
            scontrol --oneliner show job "$SLURM_JOB_ID" | grep -q 'JobState=RUNNING'; then
            echo "$(date -u +%FT%TZ) stopped in the middle; asking for another turn"
            scontrol requeue "$SLURM_JOB_ID" || echo "this site does not requeue: give smoothness batch submit again"
        fi
        exit "$code"

        """#

    private static let mergeBody = #"""

        # A merge that is preempted, or comes to its time limit, begins again where it was.
        @listen@
        @program@ batch merge @arguments@ &
        @wait@

        # Without a signal, 75 says that runs are not finished.
        if [ "$code" = 75 ] && [ -n "$stopped" ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 1000 ] &&
            scontrol --oneliner show job "$SLURM_JOB_ID" | grep -q 'JobState=RUNNING'; then
            scontrol requeue "$SLURM_JOB_ID"
        fi
        exit "$code"

        """#

    /// In a line of #SBATCH blanks end an option.
    private static func quoted(_ text: String) -> String { text.replacing(" ", with: "\\ ") }

    static func shellQuoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isLetter || $0.isNumber || "/._-=+:,@%".contains($0) }
        return plain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
