//! Columns for people.

/// Each row a line, its cells as wide as the widest of their column; those of `right` are aligned there.
pub fn columns<const N: usize>(rows: &[[String; N]], right: [bool; N]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(right);
        let cells: Vec<_> = cells
            .map(|((cell, width), right)| if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") })
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// Minor units as people read them; all currencies are shown with two decimals.
pub fn money(minor: u64, currency: &str) -> String {
    format!("{}.{:02} {currency}", minor / 100, minor % 100)
}

/// A limit.
pub fn limit(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
        assert_eq!(columns(&[row("a", "1"), row("long", "22")], [false, true]), "a      1\nlong  22\n");
    }

    #[test]
    fn money_has_two_decimals() {
        assert_eq!([money(0, "USD"), money(5, "USD"), money(12_345, "EUR")], ["0.00 USD", "0.05 USD", "123.45 EUR"]);
    }
}
