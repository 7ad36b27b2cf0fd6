//! The colours of a picture.
#![forbid(unsafe_code)]

use core::fmt;

use super::report::PageUsage;
use crate::geometry::Class;

/// What a colour stands for. Their order is that of the legend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Paint {
    Free,
    /// Blocks of so many bytes.
    Blocks(u32),
    Whole,
    Unknown,
}

impl Paint {
    pub(super) const fn of(usage: PageUsage) -> Self {
        match usage {
            PageUsage::Free => Self::Free,
            PageUsage::Whole => Self::Whole,
            PageUsage::Blocks { block_bytes, .. } => Self::Blocks(block_bytes),
            PageUsage::Unknown => Self::Unknown,
        }
    }

    /// Whether it is the paler the fewer blocks are handed out.
    pub(super) const fn is_shaded(self) -> bool {
        matches!(self, Self::Blocks(_))
    }

    /// Its name in the style sheet.
    pub(super) fn name(self) -> String {
        match self {
            Self::Free => String::from("f"),
            Self::Blocks(block_bytes) => format!("b{block_bytes}"),
            Self::Whole => String::from("w"),
            Self::Unknown => String::from("u"),
        }
    }

    pub(super) fn style(self) -> String {
        let [red, green, blue] = self.colour();
        format!("{}{{fill:#{red:02x}{green:02x}{blue:02x}}}", self.name())
    }

    /// Small blocks are blue and large ones red, with dark and light shades in turn so that neighbours
    /// are told apart.
    fn colour(self) -> [u8; 3] {
        match self {
            Self::Free => [0xe8, 0xeb, 0xef],
            Self::Whole => [0x37, 0x41, 0x51],
            Self::Unknown => [0, 0, 0],
            Self::Blocks(block_bytes) => {
                let index = Class::of(block_bytes as usize, 1).map_or(0, Class::index);
                let hue = 250.0 * (1.0 - index as f32 / (Class::COUNT - 1) as f32);
                of_hue(hue, [0.38, 0.58, 0.48][index % 3])
            }
        }
    }
}

/// The colour of a hue in degrees and a lightness from 0 to 1, by the usual formula.
fn of_hue(hue: f32, lightness: f32) -> [u8; 3] {
    const SATURATION: f32 = 0.7;
    let chroma = SATURATION * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|shift| {
        let angle = (shift + hue / 30.0) % 12.0;
        let part = (angle - 3.0).min(9.0 - angle).clamp(-1.0, 1.0);
        ((lightness - chroma * part) * 255.0) as u8
    })
}

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("free"),
            Self::Blocks(block_bytes) => write!(f, "blocks of {block_bytes} bytes"),
            Self::Whole => f.write_str("whole pages"),
            Self::Unknown => f.write_str("overwritten"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_the_rainbow() {
        let greatest = |hue| {
            let colour = of_hue(hue, 0.5);
            (0..3).max_by_key(|&part| colour[part])
        };
        assert_eq!([0.0, 120.0, 240.0].map(greatest), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn every_class_has_a_colour_of_its_own() {
        let classes = (0..Class::COUNT).filter_map(Class::from_index);
        let mut colours: Vec<_> =
            classes.map(|class| Paint::Blocks(class.plan().block_bytes).colour()).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), Class::COUNT);
    }
}
