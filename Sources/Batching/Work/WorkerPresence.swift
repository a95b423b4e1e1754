import Essentials
import Foundation
import Reporting
import Synchronization

/// What a process is at, for everybody to read: `workers/HOST-PROCESS-START.json`, written anew as units are taken, and every few seconds.
final class WorkerPresence: Sendable {
    /// The content of the file.
    struct Record: Codable, Sendable {
        var host: String
        var process: Int32
        /// Of the scheduler, where there is one.
        var job: String?
        var unit: String?
        var path: String?
        var rows: Int
        var rowsDone: Int
        var since: String

        enum CodingKeys: String, CodingKey {
            case host, process, job, unit, path, rows, since
            case rowsDone = "rows_done"
        }
    }

    /// Seconds between two signs of life, and after how many a worker counts as gone: 1,000 workers should not keep a file server busy.
    static let (interval, patience) = (20.0, 60.0)

    private let path: String
    private let record: Mutex<Record>
    private let lastSaved = Mutex<Stopwatch?>(nil)
    private let isOver = Atomic<Bool>(false)

    init(in folder: PlanFolder) {
        path = Self.path(of: .own, in: folder)
        let environment = ProcessInfo.processInfo.environment
        let job = ["SLURM_ARRAY_JOB_ID", "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"].lazy.compactMap { environment[$0] }
            .first
        let task = environment["SLURM_ARRAY_TASK_ID"].map { "_" + $0 } ?? ""
        record = Mutex(
            Record(
                host: Host.name, process: getpid(), job: job.map { $0 + task }, rows: 0, rowsDone: 0,
                since: Date.now.ISO8601Format()))
        // Before it claims anything.
        save()
        let thread = Thread { [weak self] in
            while true {
                Thread.sleep(forTimeInterval: Self.interval)
                guard let presence = self, !presence.isOver.load(ordering: .relaxed) else { return }
                presence.save()
            }
        }
        thread.start()
    }

    private static func path(of name: WorkerName, in folder: PlanFolder) -> String {
        "\(folder.workers)/\(name.text).json"
    }

    /// Written at once, unless the unit before was taken a moment ago: quick units are seen now and then.
    func take(_ unit: BatchUnit, of path: String) {
        record.withLock {
            ($0.unit, $0.path, $0.rows, $0.rowsDone) = (unit.name, path, unit.rows.count, 0)
            $0.since = Date.now.ISO8601Format()
        }
        let isDue = lastSaved.withLock { last in
            defer { if last.map({ $0.seconds > 1 }) ?? true { last = Stopwatch() } }
            return last.map { $0.seconds > 1 } ?? true
        }
        if isDue { save() }
    }

    func report(rowsDone: Int) { record.withLock { $0.rowsDone = rowsDone } }

    /// That others cannot see it is no reason to stop the work.
    private func save() {
        let record = record.withLock { $0 }
        try? writeAtomically(Data((try JSONLines.line(record) + "\n").utf8), to: path, isDurable: false)
    }

    deinit {
        isOver.store(true, ordering: .relaxed)
        unlink(path)
    }

    /// Whether a worker has shown itself lately.
    static func isRecent(_ name: WorkerName, in folder: PlanFolder) -> Bool {
        age(of: path(of: name, in: folder)).map { $0 < patience } ?? false
    }

    /// Removes what killed workers of this machine have left.
    static func removeLeftovers(in folder: PlanFolder) {
        FileInTheMaking.removeLeftovers(in: folder.workers)
        for file in FolderListing.names(in: folder.workers) where file.hasSuffix(".json") {
            if WorkerName(String(file.dropLast(5)))?.isRunningHere == false { unlink("\(folder.workers)/\(file)") }
        }
    }

    /// In seconds.
    private static func age(of path: String) -> Double? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Double(time(nil) - status.st_mtim.tv_sec)
    }

    /// The workers that are there, those of other machines if they have shown themselves lately; files of those that have not are removed, once
    /// they are old.
    static func all(in folder: PlanFolder) -> [Record] {
        FolderListing.names(in: folder.workers).compactMap { file -> Record? in
            let path = "\(folder.workers)/\(file)"
            guard file.hasSuffix(".json"), let name = WorkerName(String(file.dropLast(5))), let age = age(of: path)
            else { return nil }
            guard name.isRunningHere ?? (age < patience) else {
                if age > 3600 { unlink(path) }
                return nil
            }
            guard let data = BoundedFile.contents(of: path, upTo: 1 << 20),
                var record = try? JSONDecoder().decode(Record.self, from: data)
            else { return nil }
            // What it says is for people to see, and never more than there is.
            record.rowsDone = max(0, record.rowsDone)
            return record
        }
    }
}
