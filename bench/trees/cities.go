package trees

import (
	"fmt"
	"strings"
)

// A City is a place where nodes are, as many as its people make likely.
type City struct {
	Name     string
	Lat, Lon float64
	People   float64 // millions, of the built-up area
	Region   string
}

// Cities are the large ones of the world, typed in from general knowledge: coordinates
// to a tenth of a degree, people to about a tenth.
var Cities = parse(atlas)

// parse reads lines of: region, then name, latitude, longitude, people, again and again.
func parse(text string) (cities []City) {
	for line := range strings.Lines(text) {
		region, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		for item := range strings.SplitSeq(rest, "; ") {
			c := City{Region: region}
			if _, err := fmt.Sscanf(item, "%s %f %f %f", &c.Name, &c.Lat, &c.Lon, &c.People); err != nil {
				panic("trees: " + item + ": " + err.Error()) // it is text of this file
			}
			c.Name = strings.ReplaceAll(c.Name, "_", " ")
			cities = append(cities, c)
		}
	}
	return cities
}

const atlas = `
eu-west: London 51.5 -0.1 11; Birmingham 52.5 -1.9 3; Manchester 53.5 -2.2 3; Glasgow 55.9 -4.3 1.8; Leeds 53.8 -1.5 2; Dublin 53.3 -6.3 1.5; Paris 48.9 2.4 11; Lyon 45.8 4.8 1.8; Marseille 43.3 5.4 1.7; Toulouse 43.6 1.4 1.1; Bordeaux 44.8 -0.6 1
eu-west: Amsterdam 52.4 4.9 2.5; Rotterdam 51.9 4.5 2; Brussels 50.8 4.4 2.1; Lille 50.6 3.1 1.2
eu-south: Madrid 40.4 -3.7 6.7; Barcelona 41.4 2.2 5; Valencia 39.5 -0.4 1.6; Seville 37.4 -6.0 1.3; Lisbon 38.7 -9.1 2.9; Porto 41.2 -8.6 1.5; Rome 41.9 12.5 4; Milan 45.5 9.2 5; Naples 40.9 14.3 3.2; Turin 45.1 7.7 1.7; Athens 38.0 23.7 3.2
eu-central: Frankfurt 50.1 8.7 2.5; Berlin 52.5 13.4 4.5; Hamburg 53.6 10.0 2.5; Munich 48.1 11.6 2.6; Cologne 50.9 7.0 2.2; Dusseldorf 51.2 6.8 1.7; Essen 51.5 7.0 5; Stuttgart 48.8 9.2 2.4; Leipzig 51.3 12.4 1; Zurich 47.4 8.5 1.5; Geneva 46.2 6.1 0.8; Vienna 48.2 16.4 2.4; Prague 50.1 14.4 1.9; Bratislava 48.1 17.1 0.6
eu-central: Warsaw 52.2 21.0 3; Katowice 50.3 19.0 2.5; Krakow 50.1 19.9 1.3; Wroclaw 51.1 17.0 1; Budapest 47.5 19.0 2.5; Bucharest 44.4 26.1 2.2; Sofia 42.7 23.3 1.5; Belgrade 44.8 20.5 1.6; Zagreb 45.8 16.0 1
eu-north: Stockholm 59.3 18.1 2; Gothenburg 57.7 12.0 1; Copenhagen 55.7 12.6 2; Oslo 59.9 10.8 1.5; Helsinki 60.2 24.9 1.5; Riga 56.9 24.1 0.9; Tallinn 59.4 24.8 0.6; Vilnius 54.7 25.3 0.7; Reykjavik 64.1 -21.9 0.2
eu-east: Kyiv 50.5 30.5 3.5; Kharkiv 50.0 36.2 1.5; Lviv 49.8 24.0 0.8; Odesa 46.5 30.7 1; Minsk 53.9 27.6 2; Moscow 55.8 37.6 17; Saint_Petersburg 59.9 30.3 6; Nizhny_Novgorod 56.3 44.0 1.3; Kazan 55.8 49.1 1.4; Samara 53.2 50.1 1.3; Rostov 47.2 39.7 1.5; Yekaterinburg 56.8 60.6 1.7; Chelyabinsk 55.2 61.4 1.3
asia-central: Novosibirsk 55.0 82.9 1.7; Omsk 55.0 73.4 1.2; Krasnoyarsk 56.0 92.9 1.2; Almaty 43.2 76.9 2.2; Astana 51.2 71.4 1.3; Tashkent 41.3 69.2 3.5; Bishkek 42.9 74.6 1.1; Urumqi 43.8 87.6 4; Ulaanbaatar 47.9 106.9 1.6
me: Istanbul 41.0 29.0 15; Ankara 39.9 32.9 5; Izmir 38.4 27.1 3; Tehran 35.7 51.4 14; Mashhad 36.3 59.6 3.3; Isfahan 32.7 51.7 2.2; Baghdad 33.3 44.4 7.5; Basra 30.5 47.8 1.5; Damascus 33.5 36.3 2.5; Beirut 33.9 35.5 2.2; Amman 31.9 35.9 4; Tel_Aviv 32.1 34.8 4; Kuwait 29.4 48.0 3; Riyadh 24.7 46.7 7.5
me: Jeddah 21.5 39.2 4.7; Dubai 25.2 55.3 5; Abu_Dhabi 24.5 54.4 1.5; Doha 25.3 51.5 2.4; Muscat 23.6 58.4 1.6; Sanaa 15.4 44.2 3; Baku 40.4 49.9 2.4; Tbilisi 41.7 44.8 1.2; Yerevan 40.2 44.5 1.1
af-north: Cairo 30.0 31.2 21; Alexandria 31.2 29.9 5.5; Casablanca 33.6 -7.6 4; Rabat 34.0 -6.8 1.9; Algiers 36.8 3.1 2.9; Tunis 36.8 10.2 2.4; Tripoli 32.9 13.2 1.2; Khartoum 15.6 32.5 6
af-west: Lagos 6.5 3.4 15; Ibadan 7.4 3.9 3.7; Kano 12.0 8.5 4; Abuja 9.1 7.5 3.7; Accra 5.6 -0.2 4; Kumasi 6.7 -1.6 3.5; Abidjan 5.3 -4.0 5.5; Dakar 14.7 -17.5 3.3; Bamako 12.6 -8.0 2.9; Ouagadougou 12.4 -1.5 3; Conakry 9.6 -13.6 2; Douala 4.1 9.7 4; Yaounde 3.9 11.5 4
af-east: Nairobi 1.3 36.8 5.2; Mombasa -4.0 39.7 1.4; Addis_Ababa 9.0 38.8 5; Kampala 0.3 32.6 3.8; Kigali -1.9 30.1 1.2; Dar_es_Salaam -6.8 39.3 7; Mogadishu 2.0 45.3 2.5; Antananarivo -18.9 47.5 3.5
af-south: Kinshasa -4.3 15.3 16; Luanda -8.8 13.2 9; Lubumbashi -11.7 27.5 2.7; Lusaka -15.4 28.3 3; Harare -17.8 31.1 2; Maputo -26.0 32.6 2.6; Johannesburg -26.2 28.0 14; Durban -29.9 31.0 3.2; Cape_Town -33.9 18.4 4.8; Windhoek -22.6 17.1 0.5
asia-south: Delhi 28.6 77.2 32; Mumbai 19.1 72.9 21; Kolkata 22.6 88.4 15; Bangalore 13.0 77.6 13; Chennai 13.1 80.3 11.5; Hyderabad 17.4 78.5 10.5; Ahmedabad 23.0 72.6 8.5; Pune 18.5 73.9 7; Surat 21.2 72.8 7.8; Jaipur 26.9 75.8 4; Lucknow 26.8 80.9 3.8; Kanpur 26.4 80.3 3.2; Nagpur 21.1 79.1 3; Indore 22.7 75.9 3
asia-south: Patna 25.6 85.1 2.5; Kochi 10.0 76.3 3; Dhaka 23.8 90.4 22; Chittagong 22.3 91.8 5.3; Karachi 24.9 67.0 17; Lahore 31.5 74.3 13.5; Islamabad 33.7 73.1 4; Faisalabad 31.4 73.1 3.6; Kabul 34.5 69.2 4.6; Colombo 6.9 79.9 2.5; Kathmandu 27.7 85.3 2.5
asia-east: Tokyo 35.7 139.7 37; Osaka 34.7 135.5 19; Nagoya 35.2 136.9 9.5; Fukuoka 33.6 130.4 2.6; Sapporo 43.1 141.3 2.3; Sendai 38.3 140.9 1.6; Hiroshima 34.4 132.5 1.4; Seoul 37.6 127.0 25; Busan 35.2 129.1 3.4; Daegu 35.9 128.6 2.3; Pyongyang 39.0 125.8 3.1; Taipei 25.0 121.5 7; Kaohsiung 22.6 120.3 2.8
asia-east: Shanghai 31.2 121.5 28; Beijing 39.9 116.4 21; Tianjin 39.1 117.2 14; Guangzhou 23.1 113.3 19; Shenzhen 22.5 114.1 17; Hong_Kong 22.3 114.2 7.5; Chongqing 29.6 106.6 14; Chengdu 30.7 104.1 16; Wuhan 30.6 114.3 11; Xian 34.3 108.9 9; Hangzhou 30.3 120.2 10; Nanjing 32.1 118.8 9.5; Suzhou 31.3 120.6 8
asia-east: Qingdao 36.1 120.4 6; Jinan 36.7 117.0 6; Zhengzhou 34.7 113.6 7; Shenyang 41.8 123.4 7.5; Dalian 38.9 121.6 6; Harbin 45.8 126.5 6; Changchun 43.9 125.3 5; Changsha 28.2 112.9 5.5; Kunming 25.0 102.7 5; Fuzhou 26.1 119.3 4; Xiamen 24.5 118.1 4.5; Nanning 22.8 108.4 4.5; Lanzhou 36.1 103.8 3.5; Vladivostok 43.1 131.9 0.6
asia-southeast: Jakarta -6.2 106.8 34; Surabaya -7.3 112.7 6.5; Bandung -6.9 107.6 7.5; Medan 3.6 98.7 3.6; Makassar -5.1 119.4 1.7; Manila 14.6 121.0 25; Cebu 10.3 123.9 2.7; Davao 7.1 125.6 1.9; Bangkok 13.8 100.5 17; Ho_Chi_Minh_City 10.8 106.7 13; Hanoi 21.0 105.9 8; Da_Nang 16.1 108.2 1.2
asia-southeast: Singapore 1.3 103.8 6; Kuala_Lumpur 3.1 101.7 8.5; Penang 5.4 100.3 2.5; Yangon 16.9 96.2 5.6; Phnom_Penh 11.6 104.9 2.3; Vientiane 18.0 102.6 0.9
oceania: Sydney -33.9 151.2 5.3; Melbourne -37.8 145.0 5.1; Brisbane -27.5 153.0 2.6; Perth -32.0 115.9 2.1; Adelaide -34.9 138.6 1.4; Auckland -36.8 174.8 1.6; Wellington -41.3 174.8 0.5; Christchurch -43.5 172.6 0.4; Port_Moresby -9.5 147.2 0.5
na-east: New_York 40.7 -74.0 20; Boston 42.4 -71.1 4.9; Philadelphia 40.0 -75.2 6.2; Washington 38.9 -77.0 6.4; Baltimore 39.3 -76.6 2.8; Atlanta 33.7 -84.4 6.2; Miami 25.8 -80.2 6.2; Tampa 28.0 -82.5 3.2; Orlando 28.5 -81.4 2.7; Charlotte 35.2 -80.8 2.7; Toronto 43.7 -79.4 6.5; Montreal 45.5 -73.6 4.3; Ottawa 45.4 -75.7 1.4; Halifax 44.6 -63.6 0.5
na-central: Chicago 41.9 -87.6 9.5; Detroit 42.3 -83.0 4.3; Cleveland 41.5 -81.7 2; Pittsburgh 40.4 -80.0 2.4; Cincinnati 39.1 -84.5 2.3; Columbus 40.0 -83.0 2.1; Indianapolis 39.8 -86.2 2.1; Minneapolis 45.0 -93.3 3.7; Saint_Louis 38.6 -90.2 2.8; Kansas_City 39.1 -94.6 2.2; Nashville 36.2 -86.8 2; Dallas 32.8 -96.8 7.8; Houston 29.8 -95.4 7.3
na-central: Austin 30.3 -97.7 2.4; San_Antonio 29.4 -98.5 2.6; New_Orleans 30.0 -90.1 1.3; Denver 39.7 -105.0 3; Winnipeg 49.9 -97.1 0.8
na-west: Los_Angeles 34.1 -118.2 13; San_Diego 32.7 -117.2 3.3; San_Francisco 37.8 -122.4 4.6; San_Jose 37.3 -121.9 2; Sacramento 38.6 -121.5 2.4; Portland 45.5 -122.7 2.5; Seattle 47.6 -122.3 4; Vancouver 49.3 -123.1 2.6; Las_Vegas 36.2 -115.1 2.3; Phoenix 33.4 -112.1 5; Salt_Lake_City 40.8 -111.9 1.3; Calgary 51.0 -114.1 1.6; Edmonton 53.5 -113.5 1.5; Anchorage 61.2 -149.9 0.3; Tijuana 32.5 -117.0 2.2; Honolulu 21.3 -157.9 1
na-south: Mexico_City 19.4 -99.1 22; Guadalajara 20.7 -103.3 5.3; Monterrey 25.7 -100.3 5.3; Puebla 19.0 -98.2 3.2; Guatemala_City 14.6 -90.5 3; San_Salvador 13.7 -89.2 1.1; Tegucigalpa 14.1 -87.2 1.4; Managua 12.1 -86.3 1.1; San_Juan 18.5 -66.1 2.4; Havana 23.1 -82.4 2.1; Santo_Domingo 18.5 -69.9 3.5; Port-au-Prince 18.5 -72.3 2.9; Panama_City 9.0 -79.5 2; Kingston 18.0 -76.8 1.2
sa: Sao_Paulo -23.6 -46.6 22; Rio_de_Janeiro -22.9 -43.2 13.5; Belo_Horizonte -19.9 -43.9 6; Brasilia -15.8 -47.9 4.8; Porto_Alegre -30.0 -51.2 4.2; Curitiba -25.4 -49.3 3.8; Salvador -13.0 -38.5 4; Recife -8.1 -34.9 4.2; Fortaleza -3.7 -38.5 4.1; Belem -1.5 -48.5 2.4; Manaus -3.1 -60.0 2.3; Goiania -16.7 -49.3 2.8
sa: Buenos_Aires -34.6 -58.4 15.5; Cordoba -31.4 -64.2 1.6; Rosario -32.9 -60.7 1.6; Montevideo -34.9 -56.2 1.8; Santiago -33.4 -70.7 6.9; Asuncion -25.3 -57.6 3.5; La_Paz -16.5 -68.1 2; Santa_Cruz -17.8 -63.2 1.8; Lima -12.0 -77.0 11.2; Guayaquil -2.2 -79.9 3.1; Quito -0.2 -78.5 2; Bogota 4.7 -74.1 11.3; Medellin 6.2 -75.6 4; Cali 3.5 -76.5 2.8; Caracas 10.5 -66.9 2.9; Maracaibo 10.7 -71.6 2.3
`
