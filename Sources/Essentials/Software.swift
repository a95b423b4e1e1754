/// The program's own name and version, as every file that it writes records them.
public enum Software {
    public static let name = "smoothness"
    public static let version = "0.1.0"
}
