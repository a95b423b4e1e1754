import Foundation

/// 1 − β^{t+1}, by which a mean of t + 1 terms that began at zero is too small (Kingma, Ba 2015, section 3).
func correction(_ beta: Double, _ iteration: Int) -> Double {
    // −(e^{(t+1) log β} − 1): for β near 1 a difference of two numbers near 1 would lose digits. log 0 = −∞ gives 1.
    -expm1(Double(iteration + 1) * log(beta))
}
