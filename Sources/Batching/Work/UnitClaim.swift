import Essentials
import Foundation

/// Who is at a unit: a symbolic link `units/3f/3f….claim` that names the worker, made and read by one call each. Several calls may so work on
/// one plan, the tasks of a sparse array among them, and no unit is done by two at the same time.
///
/// A worker that is killed leaves its claim behind. It holds as long as the process is there, on the same machine, or else as long as the
/// worker shows signs of life (`WorkerPresence`).
struct UnitClaims: Sendable {
    let folder: PlanFolder
    private var own: String { WorkerName.own.text }

    private func place(_ unit: String) -> String {
        "\(folder.units)/\(PlanFolder.shelf(of: unit))/\(unit)\(UnitStore.claimEnding)"
    }

    /// - Returns: whether the unit is this worker's now; otherwise another one is at it.
    func take(_ unit: String) -> Bool {
        let place = place(unit)
        // Again where the other one has just finished, or has been found dead.
        for _ in 0..<4 {
            if symlink(own, place) == 0 { return true }
            // On a file system without links nothing is claimed: a unit that is done twice is the same unit.
            guard errno == EEXIST else { return true }
            guard let holder = Self.target(place) else { continue }
            if holder == own { return true }
            guard !isAlive(holder) else { return false }
            remove(place, of: holder)
        }
        return false
    }

    func release(_ unit: String) {
        let place = place(unit)
        if Self.target(place) == own { unlink(place) }
    }

    /// Whether a living worker is at it.
    func isHeld(_ unit: String) -> Bool { Self.target(place(unit)).map(isAlive) ?? false }

    /// Takes a dead worker's claim away. Renamed first, so that only one of several finds it; what turns out to be another's is given back.
    private func remove(_ place: String, of holder: String) {
        let aside = FileInTheMaking.name(for: place)
        guard rename(place, aside) == 0 else { return }
        if Self.target(aside) == holder {
            unlink(aside)
        } else {
            rename(aside, place)
        }
    }

    private func isAlive(_ holder: String) -> Bool {
        guard let name = WorkerName(holder) else { return false }
        return name.isRunningHere ?? WorkerPresence.isRecent(name, in: folder)
    }

    private static func target(_ path: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: path)
    }
}
