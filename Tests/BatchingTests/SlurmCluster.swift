import Foundation
import Interprocess
import TestSupport

/// A real Slurm on this machine: munged, slurmctld and two slurmd with a configuration of their own in a temporary folder, on the loopback
/// alone. Everything is killed when it goes.
final class SlurmCluster {
    let folder: TemporaryFolder
    private var daemons: [SpawnedProcess] = []
    var environment: [String: String] { ["SLURM_CONF": folder.path("slurm.conf")] }

    /// Why there can be none; `nil` where the programs are installed.
    static let missing: String? = {
        let search = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin".split(separator: ":")
        let absent = ["munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol"].filter { name in
            !search.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
        }
        return absent.isEmpty ? nil : "not installed: \(absent.joined(separator: ", ")) (Debian's slurm-wlm and munge)"
    }()

    /// Starts one, lets `work` use it, and takes it down.
    static func with(_ work: @escaping @Sendable (SlurmCluster) throws -> Void) async throws {
        try await onOwnThread {
            let cluster = try SlurmCluster()
            defer { cluster.stop() }
            try cluster.start()
            try work(cluster)
        }
    }

    private init() throws {
        folder = try TemporaryFolder()
        for name in ["state", "spool", "log"] {
            try FileManager.default.createDirectory(atPath: folder.path(name), withIntermediateDirectories: true)
        }
        let key = Data((0..<128).map { _ in UInt8.random(in: 0...255) })
        try key.write(to: URL(filePath: folder.path("munge.key")))
        chmod(folder.path("munge.key"), 0o600)
        chmod(folder.url.path, 0o755)
        try configuration().write(toFile: folder.path("slurm.conf"), atomically: true, encoding: .utf8)
    }

    private func start() throws {
        try start(
            "munged", "--foreground", "--force", "--key-file", folder.path("munge.key"), "--socket",
            folder.path("munge.socket"), "--pid-file", folder.path("munged.pid"), "--log-file",
            folder.path("log/munged"), "--seed-file", folder.path("munge.seed"), "--num-threads", "2")
        try waitUntil("munged listens") {
            FileManager.default.fileExists(atPath: folder.path("munge.socket"))
        }
        try start("slurmctld", "-D")
        for node in ["a", "b"] { try start("slurmd", "-D", "-N", node) }
        try waitUntil("both nodes are idle") {
            try command("sinfo", "-h", "-N", "-o", "%N %T").split(separator: "\n").filter { $0.hasSuffix(" idle") }
                .count == 2
        }
    }

    private func configuration() -> String {
        let host = ProcessInfo.processInfo.hostName.split(separator: ".").first.map(String.init) ?? "localhost"
        let user = NSUserName()
        let ports = Self.freePorts(3)
        return """
            ClusterName=test
            SlurmctldHost=\(host)(127.0.0.1)
            SlurmUser=\(user)
            SlurmdUser=\(user)
            AuthType=auth/munge
            CredType=cred/munge
            AuthInfo=socket=\(folder.path("munge.socket")),cred_expire=5
            CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
            SlurmctldPort=\(ports[0])
            StateSaveLocation=\(folder.path("state"))
            SlurmdSpoolDir=\(folder.path("spool"))/%n
            SlurmctldPidFile=\(folder.path("slurmctld.pid"))
            SlurmdPidFile=\(folder.path("slurmd-%n.pid"))
            SlurmctldLogFile=\(folder.path("log/slurmctld"))
            SlurmdLogFile=\(folder.path("log/slurmd-%n"))
            ProctrackType=proctrack/linuxproc
            TaskPlugin=task/none
            JobAcctGatherType=jobacct_gather/none
            AccountingStorageType=accounting_storage/none
            JobCompType=jobcomp/none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU
            SchedulerParameters=sched_interval=1,bf_interval=1
            SlurmdParameters=config_overrides
            SwitchType=switch/none
            MpiDefault=none
            ReturnToService=2
            JobRequeue=1
            KillWait=20
            MinJobAge=600
            NodeName=a NodeHostname=\(host) NodeAddr=127.0.0.1 Port=\(ports[1]) CPUs=4 State=UNKNOWN
            NodeName=b NodeHostname=\(host) NodeAddr=127.0.0.1 Port=\(ports[2]) CPUs=4 State=UNKNOWN
            PartitionName=main Nodes=a,b Default=YES MaxTime=INFINITE State=UP

            """
    }

    /// Ports of the loopback that nobody has at the moment.
    private static func freePorts(_ count: Int) -> [Int] {
        var (ports, sockets): ([Int], [Int32]) = ([], [])
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = bind(descriptor, $0, length)
                    _ = getsockname(descriptor, $0, &length)
                }
            }
            ports.append(Int(UInt16(bigEndian: address.sin_port)))
            sockets.append(descriptor)
        }
        for descriptor in sockets { close(descriptor) }
        return ports
    }

    private func start(_ arguments: String...) throws {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let environment = ProcessInfo.processInfo.environment
            .merging(environment) { $1 }.merging(["PATH": "/usr/sbin:/sbin:\(search)"]) { $1 }
        daemons.append(
            try SpawnedProcess("/usr/bin/env", arguments, environment: environment, output: .null, errors: .null))
    }

    /// Runs one of Slurm's commands.
    @discardableResult
    func command(_ arguments: String...) throws -> String {
        try run("/usr/bin/env", arguments, environment: environment).standardOutput
    }

    struct Waited: Error, CustomStringConvertible {
        var description: String
    }

    /// - Parameter seconds: far more than it takes on a busy machine.
    func waitUntil(_ what: String, seconds: Double = 600, _ isTrue: () throws -> Bool) throws {
        let end = Date.now.addingTimeInterval(seconds)
        while try !isTrue() {
            guard Date.now < end else { throw Waited(description: "waited in vain: \(what)\n\(logs())") }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    private func logs() -> String {
        ["slurmctld", "slurmd-a", "slurmd-b", "munged"].map { name in
            let text = FileManager.default.contents(atPath: folder.path("log/\(name)")) ?? Data()
            return "\(name): " + String(decoding: text.suffix(1500), as: UTF8.self)
        }.joined(separator: "\n")
    }

    /// The states of all tasks of a job, or of the job itself, as `RUNNING`.
    func states(_ job: String) throws -> [String] {
        try command("scontrol", "-o", "show", "job", job).split(separator: "\n").flatMap { line in
            line.split(separator: " ").filter { $0.hasPrefix("JobState=") }.map { String($0.dropFirst(9)) }
        }
    }

    /// Whether some task of a job is still to come to its end.
    func isOpen(_ job: String) throws -> Bool {
        let open: Set<String> = ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED", "STOPPED"]
        return try states(job).contains { open.contains($0) }
    }

    func waitForEnd(of job: String) throws {
        try waitUntil("the end of job \(job)") { try !isOpen(job) }
    }

    private func stop() {
        _ = try? command("scancel", "--user", NSUserName())
        let end = Date.now.addingTimeInterval(25)
        while let left = try? command("squeue", "-h"), !left.isEmpty, Date.now < end {
            Thread.sleep(forTimeInterval: 0.2)
        }
        for process in daemons.reversed() {
            process.send(signal: SIGTERM)
            let patience = Date.now.addingTimeInterval(3)
            while process.isRunning, Date.now < patience { Thread.sleep(forTimeInterval: 0.05) }
            process.send(signal: SIGKILL)
            _ = process.wait()
        }
        daemons = []
    }
}
